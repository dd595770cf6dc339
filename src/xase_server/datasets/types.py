"""One type, three forms: ours (`query.schema`), Arrow's in the files, JSON's in `Found.schema`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from xase_server.query.schema import Kind, ListOf, Scalar, Schema, Struct, Type

Array = Any
"""A `pyarrow.Array`: its published types lack what nested and encoded arrays can do."""

DataType = Any
"""A `pyarrow.DataType`, likewise."""

INSTANT: Final = pa.timestamp("ms", "UTC")

_ARROW: Final[Mapping[Kind, pa.DataType]] = {
    Kind.NULL: pa.null(),
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.STRING: pa.string(),
    Kind.DATE: INSTANT,
    Kind.JSON: pa.string(),
}


def arrow_type(type_: Type) -> DataType:
    """The Arrow type that holds values of this type; JSON is text."""
    if isinstance(type_, ListOf):
        return pa.list_(arrow_type(type_.element))
    if isinstance(type_, Struct):
        return pa.struct([pa.field(name, arrow_type(member)) for name, member in type_.members])
    return _ARROW[type_.kind]


def arrow_schema(schema: Schema) -> pa.Schema:
    """The columns as Arrow declares them."""
    return pa.schema([pa.field(name, arrow_type(type_)) for name, type_ in schema.members])


def written(schema: Schema) -> list[dict[str, Any]]:
    """The JSON form: `{name, type}`, with `element` for a list and `members` for a struct."""
    return [{"name": name, **_written(type_)} for name, type_ in schema.members]


def _written(type_: Type) -> dict[str, Any]:
    if isinstance(type_, ListOf):
        return {"type": "list", "element": _written(type_.element)}
    if isinstance(type_, Struct):
        return {"type": "struct", "members": written(type_)}
    return {"type": type_.kind.value}


def read(columns: Sequence[Mapping[str, Any]]) -> Schema:
    """The reverse of `written`; raises KeyError or ValueError for another form."""
    return Struct(tuple((column["name"], _read(column)) for column in columns))


def _read(form: Mapping[str, Any]) -> Type:
    if form["type"] == "list":
        return ListOf(_read(form["element"]))
    if form["type"] == "struct":
        return read(form["members"])
    return Scalar(Kind(form["type"]))


def mixed(schema: Schema) -> tuple[str, ...]:
    """The dotted paths that are kept as JSON."""
    return tuple(path for name, type_ in schema.members for path in _mixed(type_, name))


def _mixed(type_: Type, path: str) -> list[str]:
    if isinstance(type_, ListOf):
        return _mixed(type_.element, path)
    if isinstance(type_, Struct):
        return [below for name, member in type_.members for below in _mixed(member, f"{path}.{name}")]
    return [path] if type_.kind is Kind.JSON else []
