"""From DuckDB's Python values to ours."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from xase_server.query.schema import Kind, ListOf, Struct, Type
from xase_server.query.values import Row, instant

Decode = Callable[[Any], Any]


def decoded(columns: Sequence[tuple[str, Type]], rows: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows by the names of their columns; dates are aware, JSON columns are parsed."""
    names = [name for name, _ in columns]
    decoders = [_decoder(type_) for _, type_ in columns]
    return [
        {
            name: None if value is None else decode(value)
            for name, decode, value in zip(names, decoders, row, strict=False)
        }
        for row in rows
    ]


def _decoder(type_: Type) -> Decode:
    if isinstance(type_, ListOf):
        return _listed(_decoder(type_.element))
    if isinstance(type_, Struct):
        return _membered([(name, _decoder(member)) for name, member in type_.members])
    return _SCALARS.get(type_.kind, _same)


def _listed(decode: Decode) -> Decode:
    return lambda values: [None if value is None else decode(value) for value in values]


def _membered(members: Sequence[tuple[str, Decode]]) -> Decode:
    def decode(value: Any) -> dict[str, Any]:
        parts = value.values() if isinstance(value, dict) else value
        return {name: None if part is None else inner(part) for (name, inner), part in zip(members, parts, strict=True)}

    return decode


def _same(value: Any) -> Any:
    return value


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _mixed(text: str) -> Any:
    return json.loads(text, object_hook=_dated) if _DATE in text else json.loads(text)


def _dated(members: dict[str, Any]) -> Any:
    """A date as a JSON column has it, or the members as they are."""
    return instant(members[_DATE]) if members.keys() == {_DATE} else members


_DATE = "$date"
_SCALARS: dict[Kind, Decode] = {Kind.DATE: _aware, Kind.JSON: _mixed, Kind.FLOAT: float}
