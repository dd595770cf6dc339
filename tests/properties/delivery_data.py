"""Random tables of what leaves the server, as Arrow and as rows."""

import json
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from tests.properties.query_data import SCHEMA, rows
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, JSON, STRING, ListOf, Scalar, Schema, Struct, Type

RECORDS = Struct((("record_id", STRING), *SCHEMA.members))
FIELDS = [
    "i", "f", "s", "b", "d", "li", "ls", "o", "o.i", "o.s", "o.p", "o.p.f", "lo", "lo.i", "lo.s", "lo.li", "ll", "m",
]  # fmt: skip
UNKNOWN = ["x", "o.x", "lo.x", "m.i", "m.s", "m.i.s", "m.0", "record_id"]
ARROW: dict[Scalar, pa.DataType] = {
    INT: pa.int64(),
    FLOAT: pa.float64(),
    STRING: pa.string(),
    BOOL: pa.bool_(),
    DATE: pa.timestamp("ms", "UTC"),
    JSON: pa.string(),
}


def arrow_type(type_: Type) -> pa.DataType:
    """How a column of the type is kept."""
    if isinstance(type_, Struct):
        return pa.struct([pa.field(name, arrow_type(member)) for name, member in type_.members])
    return pa.list_(arrow_type(type_.element)) if isinstance(type_, ListOf) else ARROW[type_]


def arrow_value(value: Any, type_: Type) -> Any:
    """A value as a column keeps it: mixed ones as text."""
    if value is None:
        return None
    if isinstance(type_, Struct):
        return {name: arrow_value(value.get(name), member) for name, member in type_.members}
    if isinstance(type_, ListOf):
        return [arrow_value(each, type_.element) for each in value]
    return json.dumps(value) if type_ == JSON else value


def table_of(found: list[dict[str, Any]], schema: Schema = RECORDS) -> pa.Table:
    """Rows as a table in two chunks."""
    kept = [arrow_value(row, schema) for row in found]
    cut = len(kept) // 2
    arrow = pa.schema([pa.field(name, arrow_type(member)) for name, member in schema.members])
    return pa.concat_tables([pa.Table.from_pylist(kept[:cut], arrow), pa.Table.from_pylist(kept[cut:], arrow)])


def present(value: Any) -> Any:
    """A value without members that are null."""
    if isinstance(value, dict):
        return {name: present(each) for name, each in value.items() if each is not None}
    return [present(each) for each in value] if isinstance(value, list) else value


def visible(value: Any, type_: Type) -> Any:
    """The part of a value that a schema names."""
    if isinstance(type_, Struct) and isinstance(value, dict):
        return {name: visible(value[name], member) for name, member in type_.members if value.get(name) is not None}
    return [visible(each, type_.element) for each in value] if isinstance(type_, ListOf) and value else value


def records() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows with their record ids."""
    return rows(most=8).map(lambda found: [{"record_id": f"rec_{n}", **row} for n, row in enumerate(found)])


def listed() -> st.SearchStrategy[list[str]]:
    """What `fields` may list."""
    return st.lists(st.sampled_from(FIELDS + UNKNOWN), max_size=5)


def objects() -> st.SearchStrategy[dict[str, int]]:
    """Projections as objects, keeping or dropping; paths that collide are left out."""
    return st.builds(lambda paths, keep: {path: keep for path in _apart(paths)}, listed(), st.sampled_from([0, 1]))  # noqa: C420


def _apart(paths: list[str]) -> list[str]:
    return [path for path in paths if not any(path.startswith(f"{other}.") for other in paths)]
