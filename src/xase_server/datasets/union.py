"""Types found in different places as one type, and values of the narrower type as the wider one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.instants import DATE_NAME, instant
from xase_server.datasets.types import Array, arrow_type
from xase_server.query.schema import FLOAT, INT, JSON, NULL, ListOf, Schema, Struct, Type

Conflict = Callable[[str], Type]
"""What to make of a path where kinds mix: a type, or an exception."""


def as_json(_path: str) -> Type:
    """Mixed kinds are kept as JSON."""
    return JSON


def union(types: Sequence[Type], conflict: Conflict = as_json, path: str = "") -> Type:
    """The type that holds all values of these types; members of structs in the order of first appearance."""
    real = [each for each in dict.fromkeys(types) if each != NULL]
    if len(real) < 2:  # noqa: PLR2004 -- none, or all alike
        return real[0] if real else NULL
    if JSON in real:
        return JSON
    if set(real) == {INT, FLOAT}:
        return FLOAT
    lists = [each for each in real if isinstance(each, ListOf)]
    if len(lists) == len(real):
        return ListOf(union([each.element for each in lists], conflict, path))
    structs = [each for each in real if isinstance(each, Struct)]
    return _joined(structs, conflict, path) if len(structs) == len(real) else conflict(path)


def _joined(structs: Sequence[Struct], conflict: Conflict, path: str) -> Struct:
    found: dict[str, dict[Type, None]] = {}
    for each in structs:
        for name, type_ in each.members:
            found.setdefault(name, {})[type_] = None
    return Struct(
        tuple((name, union([*types], conflict, f"{path}.{name}" if path else name)) for name, types in found.items())
    )


def settled(type_: Type) -> Type:
    """The type as it can be stored: a struct that never had a member is kept as JSON."""
    if isinstance(type_, ListOf):
        return ListOf(settled(type_.element))
    if isinstance(type_, Struct):
        return Struct(tuple((name, settled(each)) for name, each in type_.members)) if type_.members else JSON
    return type_


def widened(array: Array, old: Type, new: Type) -> Array:
    """Stored values of one type as values of a union that it is part of."""
    if old == new:
        return array
    if old == NULL:
        return pa.nulls(len(array), arrow_type(new))
    if new == JSON:
        return pa.array(map(json_text, array.to_pylist()), pa.string())
    if isinstance(old, ListOf) and isinstance(new, ListOf):
        return rebuilt_list(array, widened(array.flatten(), old.element, new.element))
    if isinstance(old, Struct) and isinstance(new, Struct):
        return _widened_struct(array, old, new)
    return array.cast(arrow_type(new))


def _widened_struct(array: Array, old: Struct, new: Struct) -> Array:
    have = {name: (part, type_) for part, (name, type_) in zip(array.flatten(), old.members, strict=True)}
    parts = [
        widened(*have[name], type_) if name in have else pa.nulls(len(array), arrow_type(type_))
        for name, type_ in new.members
    ]
    return rebuilt_struct(array, parts, new)


def rebuilt_list(array: Array, elements: Array) -> Array:
    """A list array with other elements: `elements` belong to the lists that are not null, in order."""
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    mask = array.is_null() if array.null_count else None
    narrow: Array = pa.array(offsets).cast(pa.int32())
    return pa.ListArray.from_arrays(narrow, elements, mask=mask)


def rebuilt_struct(array: Array, parts: Sequence[Array], type_: Struct) -> Array:
    """A struct array with other members, null where it was null."""
    fields = [pa.field(name, part.type) for (name, _), part in zip(type_.members, parts, strict=True)]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null() if array.null_count else None)


def json_text(value: object) -> str | None:
    """The canonical text of a value in a JSON column; None stays None.

    Sorted names, no null members, and dates as `{"$date": …}` in UTC with milliseconds.
    """
    if value is None:
        return None
    return orjson.dumps(_canonical(value), option=orjson.OPT_SORT_KEYS).decode()


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        moment = instant(value[DATE_NAME]) if value.keys() == {DATE_NAME} else None
        return _members(value) if moment is None else _date(moment)
    if isinstance(value, datetime):
        return _date(value)
    return [_canonical(each) for each in value] if isinstance(value, list) else value


def _members(value: dict[str, object]) -> dict[str, object]:
    return {name: _canonical(each) for name, each in value.items() if each is not None}


def _date(moment: datetime) -> dict[str, str]:
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return {DATE_NAME: utc.isoformat(timespec="milliseconds") + "Z"}


def appended(base: Schema, new: Schema, conflict: Conflict) -> Schema:
    """The columns of a version whose rows are these after those."""
    return _joined([base, new], conflict, "")
