"""Comparing a column of numbers with a number, exactly: 64-bit integers are never compared as floats."""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.slots import Parameters, Slot
from xase_server.engines.duckdb.sql import FALSE, SQL
from xase_server.query.schema import Kind

_INFINITY: Final = sql.text("infinity")
OPERATORS: Final[Mapping[str, type[exp.Binary]]] = {
    "eq": exp.EQ,
    "gt": exp.GT,
    "gte": exp.GTE,
    "lt": exp.LT,
    "lte": exp.LTE,
}


def compare_numbers(value: SQL, kind: Kind, operator: str, slot: Slot, parameters: Parameters) -> SQL:
    """A condition that compares by value; NULL where the column is."""
    if kind is Kind.INT:
        return _integers(value, operator, slot, parameters)
    condition = _floats(value, operator, slot, parameters)
    if operator in {"gt", "gte"} and condition is not FALSE:  # DuckDB puts NaN above all numbers
        return sql.all_of((condition, exp.LTE(this=sql.paren(value), expression=sql.cast(_INFINITY, "DOUBLE"))))
    return condition


def _integers(value: SQL, operator: str, slot: Slot, parameters: Parameters) -> SQL:
    if slot.kind != "float":
        return _compared(value, operator, parameters.bound(slot.index))
    if operator == "eq":  # a float that is still one has a fraction, or is beyond 2^53
        bound = sql.cast(parameters.bound(slot.index, "whole"), "HUGEINT[]")
        return sql.call("list_contains", bound, sql.cast(value, "HUGEINT"))
    turn = "floor" if operator in {"gt", "lte"} else "ceiling"
    return _compared(value, operator, parameters.bound(slot.index, turn))


def _floats(value: SQL, operator: str, slot: Slot, parameters: Parameters) -> SQL:
    if slot.kind != "wide":
        return _compared(value, operator, sql.cast(parameters.bound(slot.index), "DOUBLE"))
    if operator == "eq":
        return sql.call("list_contains", sql.cast(parameters.bound(slot.index, "exact"), "DOUBLE[]"), value)
    turn = "float_below" if operator in {"gt", "lte"} else "float_above"
    return _compared(value, operator, parameters.bound(slot.index, turn))


def _compared(value: SQL, operator: str, bound: SQL) -> SQL:
    return OPERATORS[operator](this=sql.paren(value), expression=bound)
