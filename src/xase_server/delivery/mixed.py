"""Columns of mixed types: each value is JSON text, exact to the last digit."""

import json
from typing import Final

import pyarrow as pa

from xase_server.delivery.nesting import Array
from xase_server.query.projection import Branch, Projection
from xase_server.query.reshape import project
from xase_server.query.schema import JSON, ListOf, Struct, Type

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def has_mixed(type_: Type) -> bool:
    """Whether JSON text lies anywhere in values of the type."""
    if isinstance(type_, Struct):
        return any(has_mixed(member) for _, member in type_.members)
    return has_mixed(type_.element) if isinstance(type_, ListOf) else type_ == JSON


def projected_texts(array: Array, part: Branch, *, exclude: bool) -> Array:
    """Each text with a projection done to its value; null where nothing is left of it."""
    projection = Projection(exclude, (("value", part),))
    return pa.array([None if text is None else _projected(text, projection) for text in array.to_pylist()], array.type)


def _projected(text: str, projection: Projection) -> str | None:
    left = project(projection, {"value": json.loads(text)}).get("value")
    return None if left is None else _COMPACT.encode(left)
