"""Rows as JSON: a null is an absent key, dates are ISO 8601 in UTC to the millisecond, mixed columns are themselves.

In a list a null stays, for it has a place. A struct that is null is absent; one that is there is written,
`{}` when all its members are null: that is what `$exists` and the projection of rows say of it. Integers
are exact, floats the shortest text that reads back the same; what is not a number is null.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

import arro3.io
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.mixed import has_mixed
from xase_server.delivery.nesting import Array, changed, leaves
from xase_server.delivery.rows import in_milliseconds, rows_of
from xase_server.query.schema import Schema

_DATE_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"  # Arrow's %S has the fraction of the column's unit: milliseconds


def json_records(table: pa.Table, types: Schema) -> bytes:
    """The rows as `[{…},{…}]`; `types` are those of the table's columns."""
    if has_mixed(types):
        return orjson.dumps(_mixed(table, types), default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    written = BytesIO()
    arro3.io.write_json(written_alike(table), written)
    return written.getvalue()


def json_lines(table: pa.Table, types: Schema) -> bytes:
    """The rows as objects, each on a line of its own that ends with a line feed."""
    if has_mixed(types):
        option = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE
        return b"".join(orjson.dumps(row, default=_plain, option=option) for row in _mixed(table, types))
    written = BytesIO()
    arro3.io.write_ndjson(written_alike(table), written)
    return written.getvalue()


def json_values(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Values of the query language as `[{…},{…}]`, as they are: None is null, what is absent is absent."""
    try:
        return orjson.dumps(rows, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(rows, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def written_alike(table: pa.Table) -> pa.Table:
    """The table with dates as the text of an answer, and with floats of double precision, as queries see them."""
    return changed(table, lambda array: leaves(array, _written_alike))


def _written_alike(array: Array) -> Array:
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return pc.strftime(in_milliseconds(array), format=_DATE_FORMAT)
    return array.cast(pa.float64()) if pa.types.is_float16(array.type) or pa.types.is_float32(array.type) else array


def _mixed(table: pa.Table, types: Schema) -> list[dict[str, Any]]:
    """Rows in which the text of mixed columns is taken over as it stands."""
    return rows_of(table, types, orjson.Fragment)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no value of the query language")
