"""Comparison over the total order of values (rule 11)."""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile, native, rank, unused
from xase_server.engines.duckdb.sql import FALSE, SQL, TRUE, Names
from xase_server.engines.duckdb.unions import converted, is_number, truth, unified
from xase_server.query.schema import BOOL, INT, Scalar
from xase_server.query.schema import NULL as NOTHING


def equal(_: Names, left: Cell, right: Cell) -> Cell:
    """`$eq`: null equals null, and values of two families are never equal."""
    native(left, right)
    if NOTHING in {left.type, right.type}:
        unused(left, right)
        return Cell(sql.all_of((sql.is_null(left.sql), sql.is_null(right.sql))), BOOL)
    if rank(left.type) != rank(right.type):
        unused(left, right)
        return Cell(sql.all_of((sql.is_null(left.sql), sql.is_null(right.sql))), BOOL)
    values = _comparable(left, right)
    return Cell(exp.NullSafeEQ(this=sql.paren(values[0]), expression=sql.paren(values[1])), BOOL)


def _comparable(left: Cell, right: Cell) -> list[SQL]:
    type_ = unified([left.type, right.type])
    return [left.sql, right.sql] if is_number(type_) else [converted(cell, type_) for cell in (left, right)]


def _ordered(kind: type[exp.Binary], *, strict: bool, up: bool) -> Compile:
    """`$lt` and its like over the total order, in which null is least."""

    def compile_(_: Names, left: Cell, right: Cell) -> Cell:
        native(left, right)
        low, high = (left, right) if up else (right, left)
        if NOTHING in {left.type, right.type} or rank(left.type) != rank(right.type):
            unused(left, right)
            return Cell(_across(low, high, strict=strict), BOOL)
        if not isinstance(left.type, Scalar):
            raise NotNative("the order of lists and objects")
        null = sql.all_of((sql.is_null(low.sql), sql.is_not_null(high.sql))) if strict else sql.is_null(low.sql)
        return Cell(sql.coalesce(sql.binary(kind, left.sql, right.sql), null), BOOL)

    return compile_


def _across(low: Cell, high: Cell, *, strict: bool) -> SQL:
    """Whether `low` is before `high` when their types alone, or null, decide."""
    if high.type == NOTHING:
        return FALSE if strict else sql.is_null(low.sql)
    if low.type == NOTHING:
        return sql.is_not_null(high.sql) if strict else TRUE
    both = TRUE if rank(low.type) < rank(high.type) else FALSE
    null = sql.is_not_null(high.sql) if strict else TRUE
    return sql.case([(sql.is_null(low.sql), null), (sql.is_null(high.sql), FALSE)], both)


def _compare(names: Names, left: Cell, right: Cell) -> Cell:
    less = _LESS(names, left, right).sql
    same = equal(names, left, right).sql
    return Cell(sql.case([(less, sql.number(-1)), (same, sql.number(0))], sql.number(1)), INT)


def _not(_: Names, value: Cell) -> Cell:
    return Cell(sql.negated(truth(value)), BOOL)


def _is_number(_: Names, value: Cell) -> Cell:
    native(value)
    if is_number(value.type):
        return Cell(sql.is_not_null(value.sql), BOOL)
    unused(value)
    return Cell(FALSE, BOOL)


_LESS: Final = _ordered(exp.LT, strict=True, up=True)

FUNCTIONS: Final[Mapping[str, Compile]] = {
    "eq": equal,
    "ne": lambda names, left, right: Cell(sql.negated(equal(names, left, right).sql), BOOL),
    "gt": _ordered(exp.GT, strict=True, up=False),
    "gte": _ordered(exp.GTE, strict=False, up=False),
    "lt": _LESS,
    "lte": _ordered(exp.LTE, strict=False, up=True),
    "cmp": _compare,
    "not": _not,
    "isNumber": _is_number,
}
