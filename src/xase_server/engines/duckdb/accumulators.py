"""What `$group` computes, in SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import unused
from xase_server.engines.duckdb.sorting import Key, ordered
from xase_server.engines.duckdb.sql import SQL
from xase_server.engines.duckdb.unions import is_number
from xase_server.query.expressions import Literal
from xase_server.query.schema import FLOAT, INT, JSON, NULL, ListOf, Scalar
from xase_server.query.stages import Accumulate

_Accumulate = Callable[[Cell, Sequence[Key]], Cell]
_COUNT: Final = exp.Count(this=exp.Star())
_NOTHING: Final = Cell(sql.NULL, NULL)


def accumulated(field: Accumulate, operand: Cell, order: Sequence[Key]) -> Cell:
    """One output of a group; `order` is that of its rows. Raises `NotNative` for values of mixed types."""
    if field.operator == "count":
        return Cell(_COUNT.copy(), INT)
    if operand.type == JSON:
        raise NotNative("an accumulator over values of mixed types")
    if field.operator == "sum" and isinstance(field.operand, Literal) and operand.type == INT:
        return Cell(sql.binary(exp.Mul, _COUNT.copy(), operand.sql), INT)
    return _ACCUMULATORS[field.operator](operand, order)


def least_distinct(cells: Iterable[Cell], *, within: SQL | None = None) -> SQL:
    """The different values, null among them, of the cell with the fewest: in a group, or in rows alike in `within`."""
    counts = [_distinct(cell.sql, within) for cell in cells]
    return counts[0] if len(counts) == 1 else sql.call("least", *counts)


def _distinct(value: SQL, within: SQL | None) -> SQL:
    there = exp.Count(this=exp.Distinct(expressions=[value]))
    null = sql.call("max", sql.case([(sql.is_null(value), sql.number(1))], sql.number(0)))
    if within is None:
        return exp.Add(this=there, expression=null)
    return exp.Add(this=_over(there, within), expression=_over(null, within))


def _over(function: SQL, within: SQL) -> SQL:
    return exp.Window(this=function, partition_by=[within.copy()])


def _sum(operand: Cell, _: Sequence[Key]) -> Cell:
    if not is_number(operand.type):
        unused(operand)
        return Cell(sql.cast(sql.number(0), "BIGINT"), INT)
    return Cell(sql.coalesce(sql.call("sum", operand.sql), sql.number(0)), operand.type)


def _numeric(function: str) -> _Accumulate:
    def compile_(operand: Cell, _: Sequence[Key]) -> Cell:
        if not is_number(operand.type):
            unused(operand)
            return _NOTHING
        return Cell(sql.call(function, sql.cast(operand.sql, "DOUBLE")), FLOAT)

    return compile_


def _extreme(function: str) -> _Accumulate:
    def compile_(operand: Cell, _: Sequence[Key]) -> Cell:
        if not isinstance(operand.type, Scalar):
            raise NotNative("the order of lists and objects")
        return _NOTHING if operand.type == NULL else Cell(sql.call(function, operand.sql), operand.type)

    return compile_


def _push(operand: Cell, order: Sequence[Key]) -> Cell:
    return Cell(_in_order("list", operand.sql, order), ListOf(operand.type))


def _set(operand: Cell, _: Sequence[Key]) -> Cell:
    return Cell(sql.call("list", exp.Distinct(expressions=[operand.sql])), ListOf(operand.type))


def _in_order(function: str, value: SQL, order: Sequence[Key]) -> SQL:
    by = ordered(order)
    if by is None:
        return sql.call(function, value)
    by.set("this", value)
    return sql.call(function, by)


_ACCUMULATORS: Final[Mapping[str, _Accumulate]] = {
    "sum": _sum,
    "avg": _numeric("avg"),
    "min": _extreme("min"),
    "max": _extreme("max"),
    "push": _push,
    "addToSet": _set,
    "first": lambda operand, order: Cell(_in_order("first", operand.sql, order), operand.type),
    "last": lambda operand, order: Cell(_in_order("last", operand.sql, order), operand.type),
    "stdDevPop": _numeric("stddev_pop"),
    "stdDevSamp": _numeric("stddev_samp"),
}
