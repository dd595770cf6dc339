"""Expressions to SQL: the second compiler, with the rules of the expression language (section 2, rules 11 to 16)."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import duckdb
from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import NOTHING, Cell, NotNative, Rows, holds_mixed
from xase_server.engines.duckdb.functions import FUNCTIONS
from xase_server.engines.duckdb.functions.checking import failing, unused
from xase_server.engines.duckdb.functions.dates import format_date
from xase_server.engines.duckdb.growth import Growth, occurrences
from xase_server.engines.duckdb.slots import Parameters, Slot
from xase_server.engines.duckdb.sql import FALSE, SQL, TRUE, Names
from xase_server.engines.duckdb.unions import converted, joined, truth, unified
from xase_server.query.expressions import (
    Call,
    Each,
    Expression,
    Field,
    Fold,
    FormatDate,
    Items,
    Let,
    Literal,
    Members,
    Switch,
)
from xase_server.query.paths import Path
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, JSON, NULL, STRING, ListOf, Scalar, Struct, Type

# Before version 2 DuckDB folds a list only to the type of its elements.
_FOLDS_TO_ANY: Final = int(duckdb.__version__.partition(".")[0]) > 1
_SLOTS: Final[Mapping[str, Scalar]] = {
    "null": NULL,
    "bool": BOOL,
    "int": INT,
    "wide": INT,
    "float": FLOAT,
    "string": STRING,
    "date": DATE,
}


class ExpressionCompiler:
    """Compiles expressions over one kind of row, as long as `growth` allows."""

    def __init__(self, parameters: Parameters, names: Names, row: Rows, growth: Growth | None = None) -> None:
        self._growth = growth or Growth({})
        self._parameters = parameters
        self._names = names
        self._row = row
        self._variables: Mapping[str, Cell] = {}
        # Whether a stored value of mixed types was met: as JSON, equal ones may be written differently.
        self.met_mixed = False

    def cell(self, expression: Expression) -> Cell:
        """The SQL and the type of an expression. Raises `NotNative` where its type depends on the row."""
        made: Cell = self._COMPILERS[type(expression)](self, expression)
        self._growth.check(made.sql)
        return made

    def _literal(self, expression: Literal) -> Cell:
        if expression.value is None or not isinstance(expression.value, Slot):
            return NOTHING if expression.value is None else self._constant(expression.value)
        slot = expression.value
        type_ = _SLOTS[slot.kind]
        if slot.kind == "null":
            return NOTHING
        name = "HUGEINT" if slot.kind == "wide" else sql.type_name(type_)
        turn = "naive" if slot.kind == "date" else "as_is"
        return Cell(sql.cast(self._parameters.bound(slot.index, turn), name), type_)

    @staticmethod
    def _constant(value: int) -> Cell:
        """A whole number that a stage itself brings along, such as the 1 of `$count`."""
        return Cell(sql.cast(sql.number(value), "BIGINT"), INT)

    def _field(self, expression: Field) -> Cell:
        if expression.variable is not None:
            return self._met(self._collected(self._variables[expression.variable], expression.path))
        if not expression.path:
            return self._met(Cell(sql.struct_of(*(cell.sql for cell in self._row.columns.values())), self._row.type))
        column = self._row.member(expression.path[0])
        return NOTHING if column is None else self._met(self._collected(column, expression.path[1:]))

    def _met(self, cell: Cell) -> Cell:
        self.met_mixed = self.met_mixed or holds_mixed(cell.type)
        return cell

    def _collected(self, cell: Cell, path: Path) -> Cell:
        if not path:
            return cell
        if cell.type == JSON:
            raise NotNative("a path into values of mixed types")
        if isinstance(cell.type, Struct):
            inner = cell.member(path[0])
            return NOTHING if inner is None else self._collected(inner, path[1:])
        if isinstance(cell.type, ListOf):
            return self._collected_list(cell, cell.type.element, path)
        return NOTHING

    def _collected_list(self, cell: Cell, element: Type, path: Path) -> Cell:
        if element == JSON:
            raise NotNative("a path into values of mixed types")
        if not isinstance(element, Struct):
            return Cell(sql.case([(sql.is_not_null(cell.sql), sql.call("list_value"))]), ListOf(NULL))
        made: list[Type] = []

        def body(each: SQL) -> SQL:
            inner = self._collected(Cell(each, element), path)
            made.append(inner.type)
            return inner.sql

        every = self._names.transformed(cell.sql, body)
        return Cell(self._names.filtered(every, sql.is_not_null), ListOf(made[0]))

    def _members(self, expression: Members) -> Cell:
        if not expression.items:
            raise NotNative("a struct without members")
        cells = [(name, self.cell(item)) for name, item in expression.items]
        type_ = Struct(tuple((name, cell.type) for name, cell in cells))
        return Cell(sql.struct_of(*(cell.sql for _, cell in cells)), type_)

    def _items(self, expression: Items) -> Cell:
        values, type_ = joined([self.cell(item) for item in expression.items])
        return Cell(sql.call("list_value", *values), ListOf(type_))

    def _call(self, expression: Call) -> Cell:
        operands = expression.operands
        if expression.operator in {"and", "or"}:
            return Cell(self._logic(expression.operator, operands), BOOL)
        cells = [self.cell(operand) for operand in operands]
        if expression.operator == "ifNull":
            values, type_ = joined(cells)
            return Cell(sql.coalesce(*values), type_)
        return FUNCTIONS[expression.operator](self._names, *cells)

    def _logic(self, operator: str, operands: tuple[Expression, ...]) -> SQL:
        """Left to right, and no further than needed: what comes later may have no value."""
        stop, through = (FALSE, TRUE) if operator == "and" else (TRUE, FALSE)
        truths = [sql.closed(truth(self.cell(operand))) for operand in operands]
        tests = [sql.negated(each) if operator == "and" else each for each in truths]
        return sql.case([(test, stop) for test in tests], through)

    def _switch(self, expression: Switch) -> Cell:
        conditions = [truth(self.cell(condition)) for condition, _ in expression.branches]
        cells = [self.cell(value) for _, value in expression.branches]
        if expression.default is not None:
            cells.append(self.cell(expression.default))
        values, type_ = joined(cells)
        branches = list(zip(conditions, values, strict=False))
        otherwise = failing("$switch found no branch and has no default") if expression.default is None else values[-1]
        return Cell(sql.case(branches, otherwise), type_)

    def _each(self, expression: Each) -> Cell:
        source = self._list(self.cell(expression.source), expression.operator)
        if source is NOTHING:
            return NOTHING
        assert isinstance(source.type, ListOf), "asked before"
        element, made = source.type.element, list[Type]()

        def body(each: SQL) -> SQL:
            inner = self._with({expression.variable: Cell(each, element)}).cell(expression.body)
            made.append(inner.type)
            return inner.sql if expression.operator == "map" else sql.closed(truth(inner))

        if expression.operator == "map":
            return Cell(self._names.transformed(source.sql, body), ListOf(made[0]))
        return Cell(self._names.filtered(source.sql, body), source.type)

    def _fold(self, expression: Fold) -> Cell:
        source = self._list(self.cell(expression.source), "reduce")
        if source is NOTHING:
            return NOTHING
        assert isinstance(source.type, ListOf), "asked before"
        initial = self.cell(expression.initial)
        value, this = self._names.fresh(), self._names.fresh()
        element = Cell(this, source.type.element)
        type_ = initial.type
        body = self._with({"value": Cell(value, type_), "this": element}).cell(expression.body)
        if body.type != type_:  # the accumulator may widen once, from integer to float or from null
            type_ = unified([type_, body.type])
            body = self._with({"value": Cell(value, type_), "this": element}).cell(expression.body)
        if body.type not in {type_, NULL} or type_ == JSON:
            raise NotNative("a $reduce whose value changes its type")
        if not _FOLDS_TO_ANY and type_ != element.type:
            raise NotNative("a $reduce to another type than that of the list")
        if occurrences(body.sql, value) > 1:
            raise NotNative("a $reduce whose value doubles")
        start = sql.cast(converted(initial, type_), sql.type_name(type_))
        step = sql.cast(body.sql, sql.type_name(type_))
        return Cell(sql.call("list_reduce", source.sql, exp.Lambda(this=step, expressions=[value, this]), start), type_)

    def _let(self, expression: Let) -> Cell:
        values = {name: self.cell(value) for name, value in expression.variables}
        unused(*values.values())
        return self._with(values).cell(expression.body)

    def _list(self, cell: Cell, operator: str) -> Cell:
        if cell.type == NULL:
            return NOTHING
        if cell.type == JSON:
            raise NotNative(f"${operator} of values of mixed types")
        if not isinstance(cell.type, ListOf):
            raise NotNative(f"${operator} needs a list")
        return cell

    def _with(self, variables: Mapping[str, Cell]) -> "ExpressionCompiler":
        inner = ExpressionCompiler(self._parameters, self._names, self._row, self._growth)
        inner._variables = {**self._variables, **variables}
        return inner

    def _format_date(self, expression: FormatDate) -> Cell:
        date, otherwise = self.cell(expression.date), self.cell(expression.otherwise)
        if date.type == NULL:
            return otherwise
        pieces = [
            piece if piece.startswith("%") and len(piece) > 1 else self._parameters.text(piece)
            for piece in expression.pattern
        ]
        text = Cell(format_date(date, pieces), STRING)
        values, type_ = joined([text, otherwise])
        return Cell(sql.case([(sql.is_not_null(date.sql), values[0])], values[1]), type_)

    _COMPILERS: ClassVar[Mapping[type, Callable[..., Cell]]] = {
        Literal: _literal,
        Field: _field,
        Members: _members,
        Items: _items,
        Call: _call,
        Switch: _switch,
        Each: _each,
        Fold: _fold,
        Let: _let,
        FormatDate: _format_date,
    }
