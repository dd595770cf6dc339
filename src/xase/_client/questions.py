"""What is asked of a session, as the API takes it: in an address for streams, in a body for filters. Pure.

Source: docs/spec/api.md, section 6.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xase._client import wire
from xase.models import DataRecords

Filter = Mapping[str, Any]
Fields = str | Sequence[str] | Mapping[str, Any]
Sort = str | Mapping[str, Any]
Chosen = DataRecords | Iterable[str | Mapping[str, Any]]


def as_parameters(filter: Filter | None, fields: Fields | None, sort: Sort | None) -> dict[str, Any]:
    """The question in a query string."""
    return {"filter": _text(filter), "fields": _text(fields), "sort": _text(sort)}


def as_body(filter: Filter | None, fields: Fields | None, sort: Sort | None) -> dict[str, Any]:
    """The question in a JSON body; what was not given is not sent."""
    listed = fields.split(",") if isinstance(fields, str) else fields
    ordered = dict(map(_direction, sort.split(","))) if isinstance(sort, str) else sort
    return wire.sent(filter=filter, fields=listed, sort=ordered)


def is_computed(fields: Fields | None) -> bool:
    """Whether a projection holds more than which fields to keep or to leave out: such rows leave as JSON only."""
    return isinstance(fields, Mapping) and any(isinstance(each, Mapping | list | str) for each in fields.values())


def _text(value: Filter | Sequence[str] | str | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return wire.encode(value).decode() if isinstance(value, Mapping) else ",".join(value)


def _direction(field: str) -> tuple[str, int]:
    return (field.removeprefix("-"), -1 if field.startswith("-") else 1)


def ids_of(records: Chosen) -> list[str]:
    """The ids of a batch, of single data records, or as they are. Raises TypeError for anything else."""
    if isinstance(records, DataRecords):
        return records.record_ids
    if isinstance(records, str | Mapping):
        raise TypeError("records is a batch, or a list of data records or of their ids")
    return [each if isinstance(each, str) else str(each["record_id"]) for each in records]
