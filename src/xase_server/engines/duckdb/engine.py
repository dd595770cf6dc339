"""The engine: plans from a cache, run on DuckDB with a time limit, answers in our values."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb
from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.answers import decoded
from xase_server.engines.duckdb.cells import NOTHING, Cell, NotNative, Rows
from xase_server.engines.duckdb.filters import FilterCompiler, may_fail, sure
from xase_server.engines.duckdb.functions.checking import MARK
from xase_server.engines.duckdb.sight import seen
from xase_server.engines.duckdb.slots import Lifted, Parameters, bind
from xase_server.engines.duckdb.sorting import ordered, sort_keys
from xase_server.engines.duckdb.sql import SQL, Names
from xase_server.engines.duckdb.stages import Compiled, PipelineCompiler
from xase_server.engines.duckdb.watchdog import Watchdog
from xase_server.ports.engines import NOTHING_BESIDE
from xase_server.query.aggregate import aggregate, find, too_many_rows
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.nodes import TRUE, Node
from xase_server.query.refusal import refuse
from xase_server.query.schema import INT, NULL, Scalar, Schema
from xase_server.query.stages import Facet, Find, Match, Pipeline
from xase_server.query.values import Row

_Plan = TypeVar("_Plan")
_MOST_PLANS = 512
_MOST_COUNTS = 64
_WATCHDOG = Watchdog()
# The record number among a row's columns: no step of a path, so that no query can name it.
_PLACE = ".number"


@dataclass(frozen=True, slots=True)
class _Plain:
    """SQL and what it binds."""

    sql: str
    parameters: tuple[tuple[int, str] | str, ...]


@dataclass(frozen=True, slots=True)
class _Whole:
    """All columns, as they are and as expressions expect them."""

    row: Rows
    canonical: Rows


class DuckDBEngine:
    """Runs queries over one table, whose rows lie in dataset order: DuckDB's `rowid` is the record number.

    `connection` belongs to the engine, which takes a cursor of it for each query; open it with
    `connection.open_readonly`. `schema` is the whole schema of the table, members of structs in stored order.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: str, schema: Schema, limits: QuerySettings = DEFAULTS
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._plans: dict[Hashable, Any] = {}
        self._counts: dict[Hashable, int] = {}
        self._number = sql.column("rowid")
        self._table = exp.Table(this=exp.Identifier(this=table, quoted=True))
        self._row, self._canonical = self._described(schema)
        self._whole = _Whole(self._row, self._canonical)
        self._within: Node = TRUE
        self._beside: Mapping[str, Cell] = {}

    def seeing(self, visible: Schema, within: Node, beside: Mapping[str, str] = NOTHING_BESIDE) -> "DuckDBEngine":
        """See `Engine.seeing`. Shares the connection; keeps plans of its own."""
        engine = copy(self)
        engine._narrow(visible, within, beside)  # noqa: SLF001 - a copy of its own
        return engine

    def _narrow(self, visible: Schema, within: Node, beside: Mapping[str, str]) -> None:
        self._plans, self._counts = {}, {}
        self._beside = {name: self._whole.canonical.columns[column] for name, column in beside.items()}
        self._row, self._canonical = seen(self._whole.row, visible), seen(self._whole.canonical, visible)
        self._within = within

    def _described(self, schema: Schema) -> tuple[Rows, Rows]:
        """The columns, by their places, whatever the table calls them: as they are, and as expressions expect them.

        A 32-bit column must not overflow at 32 bits.
        """
        describe = f"DESCRIBE {self._table.sql('duckdb')}"
        described = self._connection.cursor().execute(describe).fetchall()
        row, canonical = {}, {}
        for (name, type_), (column, stored, *_) in zip(schema.members, described, strict=True):
            row[name] = Cell(sql.column(column), type_)
            canonical[name] = self._canonically(row[name], stored)
        return Rows(row), Rows(canonical)

    @staticmethod
    def _canonically(cell: Cell, stored: str) -> Cell:
        if cell.type == NULL:
            return NOTHING
        if not isinstance(cell.type, Scalar) or stored == sql.type_name(cell.type):
            return cell
        return Cell(sql.cast(cell.sql, sql.type_name(cell.type)), cell.type)

    def numbers(self, query: Find) -> Sequence[int]:
        """See `Engine.numbers`. The answer lies in one buffer, eight bytes a number."""
        lifted = Lifted()
        within = lifted.node(self._within)
        shape = Find(lifted.node(query.filter), query.sort, query.skip, query.limit)
        try:
            plan = self._planned(shape, lambda: self._find(shape, within))
        except NotNative as error:
            return self._evaluated(query, str(error))
        with self._running() as cursor:
            table = cursor.sql(plan.sql, params=bind(plan.parameters, lifted.values)).to_arrow_table()
        column = table.column(0).combine_chunks()
        found = memoryview(column.buffers()[1] or b"").cast("q")[column.offset : column.offset + len(column)]
        reached_end = not query.limit or len(found) < query.limit
        if reached_end and (found or not query.skip):
            self._remember(shape.filter, lifted, query.skip + len(found))
        return found

    def count(self, filter: Node) -> int:
        """See `Engine.count`."""
        lifted = Lifted()
        within, shape = lifted.node(self._within), lifted.node(filter)
        known = self._counts.get((shape, tuple(lifted.values)))
        if known is not None:
            return known
        try:
            plan = self._planned(("count", shape), lambda: self._count(shape, within))
        except NotNative as error:
            return len(self._evaluated(Find(filter), str(error)))
        with self._running() as cursor:
            (row,) = cursor.execute(plan.sql, bind(plan.parameters, lifted.values)).fetchall()
        return self._remember(shape, lifted, int(row[0]))

    def _remember(self, shape: Node, lifted: Lifted, count: int) -> int:
        """Keep a count for whoever asks for it beside the numbers; the rows of an engine never change."""
        if len(self._counts) >= _MOST_COUNTS:
            self._counts.clear()
        self._counts[shape, tuple(lifted.values)] = count
        return count

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """See `Engine.aggregate`."""
        place = next((number for number, stage in enumerate(pipeline) if isinstance(stage, Facet)), None)
        if place is None:
            return self._pipeline(pipeline)
        facet = pipeline[place]
        assert isinstance(facet, Facet), "found as one"
        answers = {name: list(self._pipeline(pipeline[:place] + branch)) for name, branch in facet.branches}
        return aggregate(pipeline[place + 1 :], [answers], self._limits, place + 1)

    def _pipeline(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        plan, rows = self._fetched(pipeline, self._beside)
        if len(rows) > self._limits.groups:
            raise self._too_many(plan, pipeline)
        if plan.stages == len(pipeline):
            return rows
        return aggregate(pipeline[plan.stages :], rows, self._limits, plan.stages)

    def _fetched(self, pipeline: Pipeline, beside: Mapping[str, Cell]) -> tuple[Compiled, list[Row]]:
        """The rows after as many stages as SQL can say: one more than may be handed over, if there are more."""
        lifted = Lifted()
        within = lifted.node(self._within)
        shape = tuple(map(lifted.stage, pipeline))
        plan = self._planned((shape, *beside), lambda: self._stages(shape, within, beside))
        with self._running() as cursor:
            found = cursor.execute(plan.sql, bind(plan.parameters, lifted.values)).fetchall()
        return plan, decoded(plan.columns, found)

    def _too_many(self, plan: Compiled, pipeline: Pipeline) -> Exception:
        if plan.stages == len(pipeline):
            return too_many_rows(self._limits)
        return refuse(str(plan.stages), f"{plan.reason}: done for at most {self._limits.groups} rows")

    def _evaluated(self, query: Find, reason: str) -> list[int]:
        """The answer of the reference evaluator, over the rows that the part of the filter leaves that SQL can say."""
        beside = {**self._beside, _PLACE: Cell(self._number, INT)}
        _, rows = self._fetched((Match(sure(query.filter)),), beside)
        if len(rows) > self._limits.groups:
            where = "filter" if may_fail(query.filter) else "sort"
            raise refuse(where, f"{reason}: done for at most {self._limits.groups} records")
        return [rows[place][_PLACE] for place in find(query, rows, self._limits)]

    def _find(self, shape: Find, within: Node) -> _Plain:
        parameters, names = Parameters(), Names()
        keys = sort_keys(shape.sort, self._row, names)
        query = self._selecting(self._number, shape.filter, within, parameters, names)
        query.set("order", ordered([*keys, (self._number, False)]))
        if shape.limit:
            query.set("limit", exp.Limit(expression=sql.number(shape.limit)))
        if shape.skip:
            query.set("offset", exp.Offset(expression=sql.number(shape.skip)))
        return _plain(query, parameters)

    def _count(self, shape: Node, within: Node) -> _Plain:
        parameters = Parameters()
        query = self._selecting(exp.Count(this=exp.Star()), shape, within, parameters, Names())
        return _plain(query, parameters)

    def _selecting(self, what: SQL, filter: Node, within: Node, parameters: Parameters, names: Names) -> exp.Select:
        query = exp.Select(expressions=[what])
        query.set("from_", exp.From(this=self._table))
        allowed = FilterCompiler(parameters, names, self._whole.canonical).condition(within, self._whole.row)
        asked = FilterCompiler(parameters, names, self._canonical).condition(filter, self._row)
        if allowed is not sql.TRUE and may_fail(filter):
            asked = sql.case([(allowed, asked)])
        condition = sql.all_of((allowed, asked))
        if condition is not sql.TRUE:
            query.set("where", exp.Where(this=condition))
        return query

    def _stages(self, shape: Pipeline, within: Node, beside: Mapping[str, Cell]) -> Compiled:
        compiler = PipelineCompiler(self._table, self._canonical, self._number)
        compiler.beside(beside)
        if within != TRUE:
            self._inside(compiler, within)
        return compiler.compiled(shape, self._limits.groups)

    def _inside(self, compiler: PipelineCompiler, within: Node) -> None:
        try:
            compiler.inside(within, self._whole.canonical)
        except NotNative:  # by which operator is the policy's own business
            raise refuse("", "The policy's condition on rows cannot be asked of every record") from None

    def _planned(self, shape: Hashable, make: Callable[[], _Plan]) -> _Plan:
        plan: _Plan | None = self._plans.get(shape)
        if plan is None:
            plan = make()
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[shape] = plan
        return plan

    @contextmanager
    def _running(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that is interrupted when the time is up; what a query does wrong leaves as `invalid_query`."""
        cursor = self._connection.cursor()
        try:
            with _WATCHDOG.watching(cursor, self._limits.seconds):
                yield cursor
        except duckdb.InterruptException:
            raise refuse("", f"A query runs at most {self._limits.seconds:g} seconds") from None
        except duckdb.OutOfMemoryException:
            raise refuse("", "A query needs more memory than one may have") from None
        except duckdb.InvalidInputException as error:
            raise refuse("", _reason(error)) from None
        except (duckdb.OutOfRangeException, duckdb.ConversionException):
            raise refuse("", "A number does not fit") from None
        finally:
            cursor.close()


def _plain(query: exp.Select, parameters: Parameters) -> _Plain:
    wanted = parameters.used_in(query)
    return _Plain(query.sql("duckdb", copy=False), wanted)


def _reason(error: duckdb.InvalidInputException) -> str:
    """The message of an error that the query itself raised; any other error is a defect and goes on."""
    _, marked, message = str(error).partition(MARK)
    if not marked:
        raise error
    return message.splitlines()[0]
