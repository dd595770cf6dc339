"""Filters to SQL conditions. A condition may be NULL where the filter is false; `Not` closes it first.

Source: docs/spec/query.md, sections 2 and 3. The type of every value is known, so what MongoDB decides at
run time (brackets of types, lists or not) is decided here, and what cannot match becomes the constant FALSE.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from sqlglot import exp

from xase_server.engines.duckdb import mixed, sql
from xase_server.engines.duckdb.cells import Cell, Rows
from xase_server.engines.duckdb.expressions import ExpressionCompiler
from xase_server.engines.duckdb.growth import Growth
from xase_server.engines.duckdb.numbers import OPERATORS, compare_numbers
from xase_server.engines.duckdb.slots import ListSlot, Parameters, SetSlot, Slot, StructSlot, Template
from xase_server.engines.duckdb.sql import FALSE, SQL, TRUE, Names
from xase_server.engines.duckdb.unions import truth
from xase_server.query.nodes import (
    And,
    At,
    Compare,
    Element,
    Equal,
    Exists,
    Holds,
    In,
    Is,
    Longer,
    Matches,
    Modulo,
    Node,
    Not,
    Or,
    Size,
    Test,
    TypeIs,
)
from xase_server.query.paths import Path
from xase_server.query.schema import JSON, Kind, ListOf, Scalar, Struct, is_index

_TYPE_NAMES: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.NULL: frozenset(),
    Kind.BOOL: frozenset({"bool"}),
    Kind.INT: frozenset({"number", "int", "long"}),
    Kind.FLOAT: frozenset({"number", "double"}),
    Kind.STRING: frozenset({"string"}),
    Kind.DATE: frozenset({"date"}),
}
_OF_THE_LIST: Final = Size | Element | Exists | Longer
# The turn that makes a bound parameter of a set slot for a kind of column, and the family it needs.
_SETS: Final = {
    Kind.INT: ("integers", "number", "BIGINT[]"),
    Kind.FLOAT: ("floats", "number", "DOUBLE[]"),
    Kind.STRING: ("strings", "string", "VARCHAR[]"),
    Kind.BOOL: ("bools", "bool", "BOOLEAN[]"),
    Kind.DATE: ("dates", "date", "TIMESTAMP[]"),
}


class FilterCompiler:
    """Compiles the nodes of one plan; expressions compute with the cells of `computing`."""

    def __init__(self, parameters: Parameters, names: Names, computing: Rows, growth: Growth | None = None) -> None:
        self._growth = growth
        self._parameters = parameters
        self._computing = computing
        self._names = names
        self._in_lambda = 0

    def condition(self, node: Node, row: Cell | Rows) -> SQL:
        """The condition that a node puts on a row, or on an element of a list."""
        if isinstance(node, And):
            return self._all(node, row)
        if isinstance(node, Or):
            return sql.any_of(self.condition(item, row) for item in node.items)
        if isinstance(node, Not):
            return sql.negated(self.condition(node.item, row))
        if isinstance(node, At):
            return self._reached(row, node.path, node.test)
        if isinstance(node, Is):
            assert isinstance(row, Cell), "only an element is tested itself"
            return self._single(row, node.test)
        return self._holds(node)

    def _all(self, node: And, row: Cell | Rows) -> SQL:
        """Every item; expressions, which may have no value, only of rows that the other items let through."""
        sure = sql.all_of(self.condition(item, row) for item in node.items if not may_fail(item))
        risky = sql.all_of(self.condition(item, row) for item in node.items if may_fail(item))
        if risky is TRUE or sure is TRUE:
            return sql.all_of((sure, risky))
        return sql.all_of((sure, sql.case([(sure, risky)])))

    def _holds(self, node: Holds) -> SQL:
        compiler = ExpressionCompiler(self._parameters, self._names, self._computing, self._growth)
        return truth(compiler.cell(node.expression))

    def _reached(self, row: Cell | Rows, path: Path, test: Test) -> SQL:
        if not path:
            assert isinstance(row, Cell), "a whole row is not tested"
            return self._leaf(row, test)
        if isinstance(row, Rows) or isinstance(row.type, Struct):
            inner = row.member(path[0])
            return _missing(test) if inner is None else self._reached(inner, path[1:], test)
        if isinstance(row.type, ListOf):
            return self._through(row, row.type, path, test)
        if row.type == JSON:
            found = mixed.candidates(row.sql, path, self._parameters, self._names)
            return self._any(Cell(found, ListOf(JSON)), lambda each: self._leaf(each, test))
        return _missing(test)

    def _through(self, cell: Cell, type_: ListOf, path: Path, test: Test) -> SQL:
        if not is_index(path[0]):
            absent = sql.is_null(cell.sql) if accepts_null(test) else FALSE
            return sql.any_of((self._members(cell, type_, path, test), absent))
        at_position = self._reached(Cell(sql.element(cell.sql, int(path[0])), type_.element), path[1:], test)
        element = type_.element
        if not isinstance(element, Struct) or element.member(path[0]) is None:
            return at_position
        return sql.any_of((at_position, self._any(cell, lambda each: self._named(each, path, test))))

    def _members(self, cell: Cell, type_: ListOf, path: Path, test: Test) -> SQL:
        """Whether some element that is a struct leads on to a match."""
        if isinstance(type_.element, Struct):
            guarded = accepts_null(test)
            return self._any(cell, lambda each: self._inside(each, path, test, guarded=guarded))
        if type_.element == JSON:
            return self._any(cell, lambda each: mixed.when(each.sql, "OBJECT", self._reached(each, path, test)))
        return FALSE

    def _inside(self, each: Cell, path: Path, test: Test, *, guarded: bool) -> SQL:
        reached = self._reached(each, path, test)
        return sql.all_of((sql.is_not_null(each.sql), reached)) if guarded else reached

    def _named(self, each: Cell, path: Path, test: Test) -> SQL:
        inner = each.member(path[0])
        assert inner is not None, "asked before"
        return sql.all_of((sql.is_not_null(inner.sql), self._reached(inner, path[1:], test)))

    def _any(self, cell: Cell, body: Callable[[Cell], SQL]) -> SQL:
        assert isinstance(cell.type, ListOf), "only lists have elements"
        inner = cell.type.element
        self._in_lambda += 1
        try:
            return self._names.any(cell.sql, lambda name: body(Cell(name, inner)))
        finally:
            self._in_lambda -= 1

    def _leaf(self, cell: Cell, test: Test) -> SQL:
        single = self._single(cell, test)
        if isinstance(test, _OF_THE_LIST):
            return single
        if isinstance(cell.type, ListOf):
            return sql.any_of((single, self._any(cell, lambda each: self._single(each, test))))
        if cell.type == JSON:
            elements = Cell(mixed.elements(cell.sql), ListOf(JSON))
            return sql.any_of((single, self._any(elements, lambda each: self._single(each, test))))
        return single

    def _single(self, cell: Cell, test: Test) -> SQL:
        return self._TESTS[type(test)](self, cell, test)

    def _equal(self, cell: Cell, test: Equal) -> SQL:
        return self._equals(cell, test.value)

    def _equals(self, cell: Cell, value: Template) -> SQL:
        """Whether a value as a whole equals a template."""
        if isinstance(value, Slot) and value.kind == "null":
            return mixed.is_null(cell.sql) if cell.type == JSON else sql.is_null(cell.sql)
        if cell.type == JSON:
            return self._mixed_equals(cell.sql, value)
        if isinstance(value, ListSlot):
            return self._list_equals(cell, value) if isinstance(cell.type, ListOf) else FALSE
        if isinstance(value, StructSlot):
            return self._struct_equals(cell, value) if isinstance(cell.type, Struct) else FALSE
        return self._compared(cell, "eq", value)

    def _list_equals(self, cell: Cell, value: ListSlot) -> SQL:
        assert isinstance(cell.type, ListOf), "asked before"
        inner = cell.type.element
        same_length = exp.EQ(this=sql.length(cell.sql), expression=sql.number(len(value.items)))
        pairs = (self._equals(Cell(sql.element(cell.sql, n), inner), each) for n, each in enumerate(value.items))
        return sql.all_of((same_length, *pairs))

    def _struct_equals(self, cell: Cell, value: StructSlot) -> SQL:
        assert isinstance(cell.type, Struct), "asked before"
        wanted = dict(value.members)
        if not wanted.keys() <= {name for name, _ in cell.type.members}:
            return FALSE
        members = []
        for name, _ in cell.type.members:
            inner = cell.member(name)
            assert inner is not None, "its own member"
            members.append(self._equals(inner, wanted[name]) if name in wanted else sql.is_null(inner.sql))
        return sql.all_of((sql.is_not_null(cell.sql), *members))

    def _mixed_equals(self, value: SQL, wanted: Template) -> SQL:
        """A whole value is given a name before its parts are asked: written out, it would grow with every level."""
        if isinstance(wanted, ListSlot):
            items = sql.call("list_value", mixed.elements(value))
            return self._any(Cell(items, ListOf(ListOf(JSON))), lambda each: self._list_equals(each, wanted))
        if isinstance(wanted, StructSlot):
            alone = Cell(sql.call("list_value", value), ListOf(JSON))
            return self._any(alone, lambda each: self._object_equals(each.sql, wanted))
        return mixed.compared(value, "eq", wanted, self._parameters)

    def _object_equals(self, value: SQL, wanted: StructSlot) -> SQL:
        pairs = (
            self._equals(Cell(mixed.member(value, self._parameters.text(mixed.pointer(name))), JSON), each)
            for name, each in wanted.members
        )
        same_members = mixed.has_members(value, len(wanted.members), self._names)
        return mixed.when(value, "OBJECT", sql.all_of((same_members, *pairs)))

    def _compare(self, cell: Cell, test: Compare) -> SQL:
        if cell.type == JSON:
            return mixed.compared(cell.sql, test.operator, test.value, self._parameters)
        return self._compared(cell, test.operator, test.value)

    def _compared(self, cell: Cell, operator: str, slot: Slot) -> SQL:
        """A comparison within one family of types; between families nothing matches."""
        if not isinstance(cell.type, Scalar):
            return FALSE
        kind = cell.type.kind
        if kind in {Kind.INT, Kind.FLOAT} and slot.kind in {"int", "wide", "float"}:
            return compare_numbers(cell.sql, kind, operator, slot, self._parameters)
        if kind.value != slot.kind or kind is Kind.NULL:
            return FALSE
        if kind is Kind.DATE:
            return OPERATORS[operator](
                this=sql.paren(cell.sql), expression=sql.cast(self._parameters.bound(slot.index, "naive"), "TIMESTAMP")
            )
        return OPERATORS[operator](this=sql.paren(cell.sql), expression=self._parameters.bound(slot.index))

    def _in(self, cell: Cell, test: In) -> SQL:
        (values,) = test.values
        assert isinstance(values, SetSlot), "lifted"
        parts = [self._equals(cell, each) for each in values.nested]
        if "null" in values.kinds:
            parts.append(mixed.is_null(cell.sql) if cell.type == JSON else sql.is_null(cell.sql))
        if cell.type == JSON:
            parts.append(mixed.among(cell.sql, values, self._parameters))
        elif isinstance(cell.type, Scalar) and cell.type.kind in _SETS:
            parts.append(self._among(cell, cell.type.kind, values))
        return sql.any_of(parts)

    def _among(self, cell: Cell, kind: Kind, values: SetSlot) -> SQL:
        turn, family, type_name = _SETS[kind]
        if family not in values.kinds:
            return FALSE
        bound = sql.cast(self._parameters.bound(values.index, turn), type_name)
        if self._in_lambda:  # a subquery cannot stand in a lambda
            return sql.call("list_contains", bound, cell.sql)
        subquery = exp.Select(expressions=[sql.call("unnest", bound)])
        return exp.In(this=sql.paren(cell.sql), query=exp.Subquery(this=subquery))

    def _matches(self, cell: Cell, test: Matches) -> SQL:
        pattern = self._parameters.bound(test.pattern.index)
        if cell.type == JSON:
            return mixed.when(cell.sql, "VARCHAR", sql.call("regexp_matches", mixed.text_of(cell.sql), pattern))
        return sql.call("regexp_matches", cell.sql, pattern) if cell.type == Scalar(Kind.STRING) else FALSE

    def _exists(self, cell: Cell, _: Exists) -> SQL:
        return sql.negated(mixed.is_null(cell.sql)) if cell.type == JSON else sql.is_not_null(cell.sql)

    def _type_is(self, cell: Cell, test: TypeIs) -> SQL:
        if cell.type == JSON:
            return mixed.type_is(cell.sql, test.names)
        if isinstance(cell.type, Scalar):
            own = _TYPE_NAMES[cell.type.kind]
        else:
            own = frozenset({"object" if isinstance(cell.type, Struct) else "array"})
        there = sql.is_not_null(cell.sql) if own & set(test.names) else FALSE
        return sql.any_of((there, sql.is_null(cell.sql) if "null" in test.names else FALSE))

    def _size(self, cell: Cell, test: Size) -> SQL:
        return self._length(cell, exp.EQ, test.count)

    def _longer(self, cell: Cell, test: Longer) -> SQL:
        return self._length(cell, exp.GT, test.count)

    def _length(self, cell: Cell, kind: type[exp.Binary], count: Slot) -> SQL:
        items = mixed.elements(cell.sql) if cell.type == JSON else cell.sql
        if not (cell.type == JSON or isinstance(cell.type, ListOf)):
            return FALSE
        return kind(this=sql.length(items), expression=self._parameters.bound(count.index))

    def _modulo(self, cell: Cell, test: Modulo) -> SQL:
        divisor, remainder = (self._parameters.bound(slot.index) for slot in (test.divisor, test.remainder))
        if cell.type == JSON:
            return mixed.modulo(cell.sql, divisor, remainder)
        if cell.type == Scalar(Kind.INT):
            return exp.EQ(this=sql.binary(exp.Mod, cell.sql, divisor), expression=remainder)
        if cell.type == Scalar(Kind.FLOAT):
            return exp.EQ(this=sql.binary(exp.Mod, sql.call("trunc", cell.sql), divisor), expression=remainder)
        return FALSE

    def _element(self, cell: Cell, test: Element) -> SQL:
        if cell.type == JSON:
            cell = Cell(mixed.elements(cell.sql), ListOf(JSON))
        if not isinstance(cell.type, ListOf):
            return FALSE
        if not test.of_structs:
            return self._any(cell, lambda each: self.condition(test.condition, each))
        inner = cell.type.element
        if inner == JSON:
            return self._any(cell, lambda each: mixed.when(each.sql, "OBJECT", self.condition(test.condition, each)))
        if not isinstance(inner, Struct):
            return FALSE
        return self._any(
            cell, lambda each: sql.all_of((sql.is_not_null(each.sql), self.condition(test.condition, each)))
        )

    _TESTS: ClassVar[Mapping[type, Callable[..., SQL]]] = {
        Equal: _equal,
        Compare: _compare,
        In: _in,
        Matches: _matches,
        Exists: _exists,
        Longer: _longer,
        TypeIs: _type_is,
        Size: _size,
        Modulo: _modulo,
        Element: _element,
    }


def accepts_null(test: Test) -> bool:
    """Whether null, and so a field that is not there, passes a test."""
    match test:
        case Equal(Slot(_, "null")):
            return True
        case In((SetSlot() as values,)):
            return "null" in values.kinds
        case TypeIs(names):
            return "null" in names
    return False


def may_fail(node: Node) -> bool:
    """Whether a condition may have no value for some row: it must not be asked of rows that are out of reach."""
    if isinstance(node, And | Or):
        return any(map(may_fail, node.items))
    return may_fail(node.item) if isinstance(node, Not) else isinstance(node, Holds)


def sure(node: Node) -> Node:
    """What a filter asks without expressions: true of every row for which the filter is."""
    if isinstance(node, And):
        return And(tuple(item for item in node.items if not may_fail(item)))
    return And(()) if may_fail(node) else node


def _missing(test: Test) -> SQL:
    return TRUE if accepts_null(test) else FALSE
