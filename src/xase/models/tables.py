"""Between JSON objects and Arrow tables. pyarrow is imported when it is needed, and named when it is missing.

Source: docs/spec/api.md, section 6: a null is an absent key, a time is text in UTC to the millisecond.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from xase.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

INSTALL: Final = {
    "pyarrow": 'pip install "xase[arrow]"',
    "torch": 'pip install "xase[torch]"',
    "pandas": "pip install pandas",
    "polars": "pip install polars",
}


MIXED: Final = b"xase:type"
"""The metadata that marks a field whose values are JSON text."""


def need(module: str) -> Any:
    """The module. Raises ConfigurationError that says how it is installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigurationError(f"this needs {module}: {INSTALL[module.partition('.')[0]]}") from error


def as_table(rows: "Sequence[Mapping[str, Any]] | pa.RecordBatch") -> "pa.Table":
    """The rows as one table. Values of mixed types become JSON text, as the server keeps them."""
    arrow = need("pyarrow")
    table: pa.Table
    if isinstance(rows, Sequence):
        names = dict.fromkeys(name for row in rows for name in row)
        table = arrow.table({name: _column(arrow, [row.get(name) for row in rows]) for name in names})
    else:
        table = arrow.Table.from_batches([rows])
    return table


def _column(arrow: Any, values: list[Any]) -> Any:
    try:
        return arrow.array(values)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError):
        return arrow.array([None if each is None else json.dumps(each, ensure_ascii=False) for each in values])


def objects(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
    """The rows as JSON would have brought them. Raises ValueError for a mixed column that is no JSON."""
    mixed = [name for name in batch.schema.names if _holds_mixed(batch.schema.field(name))]
    rows = [_present(row) for row in batch.to_pylist()]
    for name in mixed:
        field = batch.schema.field(name)
        for row in rows:
            if name in row:
                row[name] = _parsed(row[name], field)
    return rows


def _is_mixed(field: Any) -> bool:
    return (field.metadata or {}).get(MIXED) == b"json"


def _holds_mixed(field: Any) -> bool:
    return _is_mixed(field) or any(_holds_mixed(field.type.field(place)) for place in range(field.type.num_fields))


def _parsed(value: Any, field: Any) -> Any:
    """The value with the JSON text in it read."""
    if value is None or not _holds_mixed(field):
        return value
    if isinstance(value, list):
        return [_parsed(each, field.type.field(0)) for each in value]
    if isinstance(value, dict):
        return {name: _parsed(each, field.type.field(name)) for name, each in value.items()}
    return json.loads(value)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    values = ((name, _value(value)) for name, value in members.items())
    return {name: value for name, value in values if value is not None}


def _value(value: Any) -> Any:
    match value:
        case dict():
            return _present(value)
        case list():
            return [_value(each) for each in value]
        case float():
            return value if isfinite(value) else None
        case Decimal():
            return float(value)
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        case date():
            return _value(datetime.combine(value, time(), UTC))
    return value
