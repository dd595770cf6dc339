"""Arrow rows as Python values: null members absent, dates aware to the millisecond, mixed columns parsed."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array, changed, leaves
from xase_server.query.schema import JSON, ListOf, Schema, Struct, Type

MILLISECONDS = pa.timestamp("ms", "UTC")


def rows_of(table: pa.Table, types: Schema, parse: Callable[[str], Any] = json.loads) -> list[dict[str, Any]]:
    """Each row as a dict of values of the query language; `parse` reads the text of mixed columns.

    A struct that is null is absent like any null; one whose members are all null is there, and empty.
    """
    found: list[dict[str, Any]] = changed(table, lambda array: leaves(array, in_milliseconds)).to_pylist()
    return [_struct(row, types, parse) for row in found]


def in_milliseconds(array: Array) -> Array:
    """Dates of any unit as instants in UTC, rounded down to the millisecond; other arrays as they are."""
    if pa.types.is_date(array.type):
        return array.cast(pa.timestamp("ms")).cast(MILLISECONDS)
    if not pa.types.is_timestamp(array.type) or array.type == MILLISECONDS:
        return array
    # a cast rounds towards 1970, and so would move what came before it
    return pc.floor_temporal(array, unit="millisecond").cast(pa.timestamp("ms", array.type.tz)).cast(MILLISECONDS)


def _struct(members: dict[str, Any], type_: Struct, parse: Callable[[str], Any]) -> dict[str, Any]:
    return {name: _value(members[name], of, parse) for name, of in type_.members if members[name] is not None}


def _value(value: Any, type_: Type, parse: Callable[[str], Any]) -> Any:
    if value is None:
        return None
    if isinstance(type_, Struct):
        return _struct(value, type_, parse)
    if isinstance(type_, ListOf):
        return [_value(each, type_.element, parse) for each in value]
    return parse(value) if type_ == JSON else value
