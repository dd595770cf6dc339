"""Cases of the public query corpus as schemas, rows and queries of ours."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from xase_server.query.schema import BOOL, DATE, FLOAT, INT, JSON, NULL, STRING, ListOf, Schema, Struct, Type, struct
from xase_server.query.values import instant

OWN = Path(__file__).with_name("cases.jsonl")
KINDS = {"int64": INT, "double": FLOAT, "string": STRING, "bool": BOOL, "timestamp": DATE, "null": NULL}


def cases(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The cases of one file."""
    with (folder / "conformance" / "query" / name).open() as lines:
        yield from map(json.loads, lines)


def value(written: Any) -> Any:
    """A value of a case as we hold it: dates as instants, null members absent."""
    if isinstance(written, dict):
        if written.keys() == {"$date"}:
            return instant(written["$date"])
        return {name: value(each) for name, each in written.items() if each is not None}
    return [value(each) for each in written] if isinstance(written, list) else written


def written(value: Any) -> Any:
    """The reverse of `value`."""
    if isinstance(value, datetime):
        return {"$date": value.isoformat()}
    if isinstance(value, dict):
        return {name: written(each) for name, each in value.items()}
    return [written(each) for each in value] if isinstance(value, list) else value


def own_cases() -> Iterator[dict[str, Any]]:
    """Our own cases: the first line holds the rows and the schema of all others."""
    first, *others = (json.loads(line) for line in OWN.read_text().splitlines())
    return ({**first, **case} for case in others)


def same(left: Any, right: Any) -> bool:
    """Equality by value; numbers within rounding, null members as absent ones."""
    if isinstance(left, dict) and isinstance(right, dict):
        mine, yours = ({name: each for name, each in side.items() if each is not None} for side in (left, right))
        return mine.keys() == yours.keys() and all(same(mine[name], yours[name]) for name in mine)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool) or isinstance(left, str | datetime) or left is None:
        return type(left) is type(right) and left == right
    return isinstance(right, int | float) and left == pytest.approx(right, rel=1e-9, abs=1e-12)


def schema_of(case: dict[str, Any]) -> Schema:
    """The declared schema, or the one that ingest would find: one type a path, JSON where types mix."""
    found = declared(case["schema"]) if case.get("schema") else union([inferred(value(row)) for row in case["docs"]])
    assert isinstance(found, Struct)
    return found


def declared(written: Any) -> Type:
    if isinstance(written, dict):
        return struct({name: declared(each) for name, each in written.items()})
    return ListOf(declared(written[0])) if isinstance(written, list) else KINDS[written]


def inferred(value: Any) -> Type:
    if isinstance(value, dict):
        return struct({name: inferred(each) for name, each in value.items()})
    if isinstance(value, list):
        return ListOf(union([inferred(each) for each in value]))
    kinds = {type(None): NULL, bool: BOOL, int: INT, float: FLOAT, str: STRING, datetime: DATE}
    return kinds[type(value)]


def union(types: list[Type]) -> Type:
    real = [each for each in dict.fromkeys(types) if each != NULL]
    if len(real) < 2:
        return real[0] if real else NULL
    if set(real) == {INT, FLOAT}:
        return FLOAT
    if all(isinstance(each, ListOf) for each in real):
        return ListOf(union([each.element for each in real if isinstance(each, ListOf)]))
    if all(isinstance(each, Struct) for each in real):
        names = dict.fromkeys(name for each in real if isinstance(each, Struct) for name, _ in each.members)
        return struct(
            {name: union([each.member(name) or NULL for each in real if isinstance(each, Struct)]) for name in names}
        )
    return JSON
