"""The text of a request, before it is a query."""

import json
from typing import Any, Never

from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.refusal import refuse


def decode(body: bytes, limits: QuerySettings = DEFAULTS, *, where: str = "") -> Any:
    """The JSON value of a body or parameter, named `where` in a refusal.

    Raises `invalid_query` when it is too large, too deep, or no JSON.
    """
    if len(body) > limits.body_bytes:
        raise refuse(where, f"A query has at most {limits.body_bytes} bytes")
    try:
        return json.loads(body, parse_constant=_no_constant, object_pairs_hook=_members)
    except RecursionError:
        raise refuse(where, f"A query is at most {limits.depth} levels deep") from None
    except json.JSONDecodeError as error:
        raise refuse(where, f"Not JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise refuse(where, f"Not JSON: {error}") from None


def _no_constant(name: str) -> Never:
    raise ValueError(f"it has no {name}")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice in one object")
    return members
