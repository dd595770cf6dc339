"""Pipelines to SQL: one SELECT around another for each stage, and the type of its rows along with it.

What DuckDB's static types cannot say ends the SQL before that stage: the reference evaluator goes on with the
rows so far, if they are few enough. SQL keeps no order by itself; the keys of the last sort are carried as
hidden columns and used where order matters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.accumulators import accumulated, least_distinct
from xase_server.engines.duckdb.cells import Cell, NotNative, Rows, select
from xase_server.engines.duckdb.expressions import ExpressionCompiler
from xase_server.engines.duckdb.filters import FilterCompiler
from xase_server.engines.duckdb.functions.checking import failing
from xase_server.engines.duckdb.growth import Growth
from xase_server.engines.duckdb.reshape import Reshaper, put
from xase_server.engines.duckdb.slots import Parameters
from xase_server.engines.duckdb.sorting import Key, ordered, sort_keys
from xase_server.engines.duckdb.sql import SQL, Names
from xase_server.query.expressions import Literal
from xase_server.query.nodes import Node
from xase_server.query.schema import BOOL, INT, JSON, ListOf, Struct, Type
from xase_server.query.stages import (
    FEW,
    SUBJECTS,
    Assign,
    Crowds,
    Group,
    Limit,
    Match,
    Pipeline,
    ReplaceRoot,
    Reshape,
    Sample,
    Skip,
    Sort,
    Stage,
    Unwind,
)

_KEY: Final = ".key"


@dataclass(frozen=True, slots=True)
class Compiled:
    """The SQL of a pipeline's first stages: what it binds, the columns it answers with, how many stages it says.

    `reason` says why the next stage is not among them.
    """

    sql: str
    parameters: tuple[tuple[int, str] | str, ...]
    columns: tuple[tuple[str, Type], ...]
    stages: int
    reason: str


class PipelineCompiler:
    """Compiles one pipeline over one table."""

    def __init__(self, source: SQL, row: Rows, number: SQL) -> None:
        self.parameters = Parameters()
        self._names = Names()
        self._source = source
        self._row = row
        self._order: list[Key] = [(number, False)]
        self._depth = 0
        self._growth = Growth({})

    def beside(self, columns: Mapping[str, Cell]) -> None:
        """Let rows have these columns too."""
        self._row = Rows({**self._row.columns, **columns})

    def inside(self, within: Node, whole: Rows) -> None:
        """Begin with the rows for which a condition on all of their members is true."""
        condition = FilterCompiler(self.parameters, self._names, whole).condition(within, whole)
        self._emit(self._row.columns, where=exp.Where(this=condition))

    def compiled(self, pipeline: Pipeline, most: int) -> Compiled:
        """The SQL of as many stages as SQL can say, answering with at most `most` + 1 rows."""
        done, reason = 0, ""
        for stage in pipeline:
            compile_ = _STAGES.get(type(stage))
            if compile_ is None:
                break
            try:
                compile_(self, stage)
            except NotNative as error:
                reason = str(error)
                break
            done += 1
        query = self._selected(self._row.columns, ())
        self._ordered(query)
        query.set("limit", exp.Limit(expression=sql.number(most + 1)))
        columns = tuple((name, cell.type) for name, cell in self._row.columns.items())
        wanted = self.parameters.used_in(query)
        return Compiled(query.sql("duckdb", copy=False), wanted, columns, done, reason)

    def _compute(self, expression: Any) -> Cell:
        return self._compiler().cell(expression)

    def _compiler(self) -> ExpressionCompiler:
        return ExpressionCompiler(self.parameters, self._names, self._row, self._growth)

    def _grouping(self, expression: Any) -> Cell:
        """A value by which rows are told apart."""
        compiler = self._compiler()
        cell = compiler.cell(expression)
        if compiler.met_mixed:
            raise NotNative("groups by values of mixed types")
        return cell

    def _selected(self, columns: Mapping[str, Cell], hidden: Sequence[Key]) -> exp.Select:
        outputs = [(cell.sql, f"c{place}") for place, cell in enumerate(columns.values())]
        keys = [(each, f"k{place}") for place, (each, _) in enumerate(hidden)]
        query = select(*(outputs + keys or [(sql.TRUE, "nothing")]))
        query.set("from_", exp.From(this=self._source))
        return query

    def _ordered(self, query: exp.Select) -> None:
        order = ordered(self._order)
        if order is not None:
            query.set("order", order)

    def _wrap(self, query: exp.Select, columns: Mapping[str, Cell], directions: Sequence[bool]) -> None:
        """Make a SELECT the source of the next stage."""
        name = f"s{self._depth}"
        self._depth += 1
        self._source = exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        self._growth = Growth(
            {f"c{place}": self._growth.copies(cell.sql) for place, cell in enumerate(columns.values())}
        )
        cells = {each: Cell(sql.column(f"c{place}"), cell.type) for place, (each, cell) in enumerate(columns.items())}
        self._row = Rows(cells)
        self._order = [(sql.column(f"k{place}"), down) for place, down in enumerate(directions)]

    def _emit(self, columns: Mapping[str, Cell], **clauses: exp.Expression) -> None:
        """One more SELECT around what is there, its order carried along."""
        query = self._selected(columns, self._order)
        for clause, value in clauses.items():
            query.set(clause, value)
        self._wrap(query, columns, [down for _, down in self._order])

    def match(self, stage: Match) -> None:
        """`$match`."""
        compiler = FilterCompiler(self.parameters, self._names, self._row, self._growth)
        condition = compiler.condition(stage.filter, self._row)
        self._emit(self._row.columns, where=exp.Where(this=condition))

    def sort(self, stage: Sort) -> None:
        """`$sort`: rows of equal keys keep the order they had."""
        self._order = sort_keys(stage.keys, self._row, self._names) + self._order
        self._emit(self._row.columns)

    def limit(self, stage: Limit) -> None:
        """`$limit`."""
        self._window(limit=exp.Limit(expression=sql.number(stage.count)))

    def skip(self, stage: Skip) -> None:
        """`$skip`."""
        self._window(offset=exp.Offset(expression=sql.number(stage.count)))

    def _window(self, **clauses: exp.Expression) -> None:
        order = ordered(self._order)
        self._emit(self._row.columns, **({"order": order} if order is not None else {}), **clauses)

    def sample(self, stage: Sample) -> None:
        """`$sample`, in no order."""
        random = exp.Order(expressions=[exp.Ordered(this=sql.call("random"))])
        self._emit(self._row.columns, order=random, limit=exp.Limit(expression=sql.number(stage.count)))
        self._order = []

    def group(self, stage: Group) -> None:
        """`$group`: no row of no rows, also where the key is a constant."""
        columns = {"_id": self._grouping(stage.key), **self._accumulated(stage)}
        query = self._selected(columns, ())
        if isinstance(stage.key, Literal):
            query.set("having", exp.Having(this=exp.GT(this=exp.Count(this=exp.Star()), expression=sql.number(0))))
        else:
            query.set("group", exp.Group(expressions=[sql.number(1)]))
        self._wrap(query, columns, ())

    def crowds(self, stage: Crowds) -> None:
        """A group in which keys of too few subjects are one: each row is told the size of its key's group first."""
        key = self._grouping(stage.key)
        subjects = {f"{SUBJECTS}{place}": self._grouping(each) for place, each in enumerate(stage.subjects)}
        self._emit({**self._row.columns, **subjects, _KEY: key})
        count = least_distinct(self._columns(subjects), within=self._row.columns[_KEY].sql)
        self._emit({**self._row.columns, FEW: Cell(exp.LT(this=count, expression=sql.number(stage.least)), BOOL)})
        few, key = self._columns((FEW, _KEY))
        columns = {
            FEW: few,
            "_id": Cell(sql.case([(sql.negated(few.sql), key.sql)]), key.type),
            SUBJECTS: Cell(least_distinct(self._columns(subjects)), INT),
            **self._accumulated(stage),
        }
        query = self._selected(columns, ())
        query.set("group", exp.Group(expressions=[sql.number(1), sql.number(2)]))
        self._wrap(query, columns, ())

    def _columns(self, names: Iterable[str]) -> list[Cell]:
        return [self._row.columns[name] for name in names]

    def _accumulated(self, stage: Group) -> dict[str, Cell]:
        found = {}
        for field in stage.fields:
            operand = self._grouping(field.operand) if field.operator == "addToSet" else self._compute(field.operand)
            found[field.name] = accumulated(field, operand, self._order)
        return found

    def reshape(self, stage: Reshape) -> None:
        """`$project` and `$unset`."""
        columns = Reshaper(self._names, self._compute).project(stage.projection, self._row)
        self._emit(columns)

    def assign(self, stage: Assign) -> None:
        """`$addFields`: every value is computed from the row as it came."""
        columns = dict(self._row.columns)
        for path, cell in [(path, self._compute(expression)) for path, expression in stage.fields]:
            columns[path[0]] = put(columns.get(path[0]), path[1:], cell)
        self._emit(columns)

    def replace_root(self, stage: ReplaceRoot) -> None:
        """`$replaceRoot`."""
        root = self._compute(stage.root)
        if not isinstance(root.type, Struct):
            raise NotNative("a new root that is no struct")
        there = sql.case([(sql.is_null(root.sql), failing("$replaceRoot needs an object for every row"))], root.sql)
        self._emit({"root": Cell(there, root.type)})
        whole = self._row.columns["root"]
        self._row = Rows({name: cell for name, _ in root.type.members if (cell := whole.member(name)) is not None})

    def unwind(self, stage: Unwind) -> None:
        """`$unwind`: the list is unnested beside the row, then put in its place."""
        target = self._target(stage)
        columns = {**self._row.columns, "": _unnested(target, stage), " ": _positions(target, stage)}
        element = columns[""]
        self._order.append((columns[" "].sql, False))
        condition = (
            {}
            if stage.preserve or isinstance(target.type, ListOf)
            else {"where": exp.Where(this=sql.is_not_null(target.sql))}
        )
        self._emit(columns, **condition)
        inside = dict(self._row.columns)
        new, position = inside.pop(""), inside.pop(" ")
        head = stage.path[0]
        inside[head] = put(inside.get(head), stage.path[1:], Cell(new.sql, element.type), null_stays=True)
        if stage.index is not None:
            inside[stage.index] = position
        self._emit(inside)

    def _target(self, stage: Unwind) -> Cell:
        cell: Cell | None = self._row.member(stage.path[0])
        for step in stage.path[1:]:
            if cell is None or not isinstance(cell.type, Struct):
                raise NotNative("a path of $unwind through something that is no struct")
            cell = cell.member(step)
        if cell is None or cell.type == JSON:
            raise NotNative("$unwind of values of mixed types, or of nothing")
        return cell


def _unnested(cell: Cell, stage: Unwind) -> Cell:
    if not isinstance(cell.type, ListOf):
        return cell
    items = cell.sql
    if stage.preserve:
        alone = sql.call("list_value", sql.cast(sql.NULL, sql.type_name(cell.type.element)))
        items = sql.case(
            [(_is_empty(cell.sql), alone if _plain(cell.type.element) else sql.call("list_value", sql.NULL))], items
        )
    return Cell(sql.call("unnest", items), cell.type.element)


def _plain(type_: Type) -> bool:
    return not isinstance(type_, Struct | ListOf)


def _positions(cell: Cell, stage: Unwind) -> Cell:
    if not isinstance(cell.type, ListOf):
        return Cell(sql.cast(sql.NULL, "BIGINT"), INT)
    numbers = sql.call("range", sql.length(cell.sql))
    if stage.preserve:
        alone = sql.call("list_value", sql.cast(sql.NULL, "BIGINT"))
        numbers = sql.case([(_is_empty(cell.sql), alone)], numbers)
    return Cell(sql.call("unnest", numbers), INT)


def _is_empty(items: SQL) -> SQL:
    return exp.EQ(this=sql.coalesce(sql.length(items), sql.number(0)), expression=sql.number(0))


_STAGES: Final[Mapping[type[Stage], Callable[[PipelineCompiler, Any], None]]] = {
    Match: PipelineCompiler.match,
    Sort: PipelineCompiler.sort,
    Limit: PipelineCompiler.limit,
    Skip: PipelineCompiler.skip,
    Sample: PipelineCompiler.sample,
    Group: PipelineCompiler.group,
    Crowds: PipelineCompiler.crowds,
    Reshape: PipelineCompiler.reshape,
    Assign: PipelineCompiler.assign,
    ReplaceRoot: PipelineCompiler.replace_root,
    Unwind: PipelineCompiler.unwind,
}
