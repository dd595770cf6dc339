"""The reference evaluator of projections, of `$addFields` and of `fields` in a find."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from xase_server.query.allowance import ENDLESS, Allowance
from xase_server.query.evaluate import Scope, evaluate, scope_of
from xase_server.query.expressions import Expression
from xase_server.query.match import elements
from xase_server.query.paths import Path
from xase_server.query.projection import Branch, Found, Part, Projection, Sliced, Whole
from xase_server.query.values import Row, Value

_Parts = Sequence[tuple[str, Part]]
# A value that an inclusion leaves out: a member asked of something that has none.
_GONE: Any = object()


def project(projection: Projection, row: Row, allowance: Allowance = ENDLESS) -> dict[str, Value]:
    """What a projection leaves of a row. Raises `EvaluationError`."""
    kept: dict[str, Value]
    if projection.exclude:
        kept = _without(row, projection.parts)
    else:
        kept = _only(row, projection.parts, scope_of(row, allowance))
    return kept


def assign(fields: Sequence[tuple[Path, Expression]], row: Row, allowance: Allowance = ENDLESS) -> dict[str, Value]:
    """The row with paths set to computed values. Raises `EvaluationError`."""
    result: dict[str, Value] = dict(row)
    scope = scope_of(row, allowance)
    for path, value in [(path, evaluate(expression, scope)) for path, expression in fields]:
        result = put(result, path, value)
    return result


def put(value: Value, path: Path, new: Value) -> Value:
    """A copy of a value with a path set; through lists in every element, over scalars a struct is made."""
    if not path:
        return new
    if isinstance(value, list):
        return [put(each, path, new) for each in value]
    members = dict(value) if isinstance(value, Mapping) else {}
    members[path[0]] = put(members.get(path[0]), path[1:], new)
    return members


def _only(value: Value, parts: _Parts, scope: Scope) -> Value:
    if isinstance(value, list):
        inside = (_only(each, parts, scope) for each in value if isinstance(each, Mapping | list))
        return [each for each in inside if each is not _GONE]
    if not isinstance(value, Mapping):
        return _computed(parts, scope) or _GONE
    found = ((name, _part(value.get(name), part, scope)) for name, part in parts)
    return {name: each for name, each in found if each is not _GONE and each is not None}


def _part(value: Value, part: Part, scope: Scope) -> Value:
    if isinstance(part, Whole):
        return value
    if isinstance(part, Sliced):
        return cut(value, part)
    if isinstance(part, Found):
        return _found(value, part)
    if isinstance(part, Branch):
        return _only(value, part.parts, scope)
    return evaluate(part, scope)


def _found(value: Value, part: Found) -> Value:
    return list(itertools.islice(elements(part.test, value), 1)) or None


def _computed(parts: _Parts, scope: Scope) -> dict[str, Value]:
    """The computed members of a struct that was not there."""
    made = {name: _part(None, part, scope) for name, part in parts if not isinstance(part, Whole | Sliced | Found)}
    return {name: value for name, value in made.items() if value is not _GONE}


def _without(value: Value, parts: _Parts) -> Any:
    if isinstance(value, list):
        return [_without(each, parts) for each in value]
    if not isinstance(value, Mapping):
        return value
    kept = dict(value)
    for name, part in parts:
        if isinstance(part, Whole):
            kept.pop(name, None)
        elif name in kept:
            kept[name] = cut(kept[name], part) if isinstance(part, Sliced) else _without(kept[name], _inside(part))
    return kept


def _inside(part: Part) -> _Parts:
    assert isinstance(part, Branch), "an exclusion computes nothing"
    return part.parts


def cut(value: Value, window: Sliced) -> Value:
    """Some elements of a list; anything else as it is."""
    if not isinstance(value, list):
        return value
    start = max(window.start + len(value), 0) if window.start < 0 else window.start
    return value[start:] if window.count is None else value[start : start + window.count]
