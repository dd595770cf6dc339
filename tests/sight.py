"""What a policy that allows some fields alone lets a session see."""

from collections.abc import Iterable

from xase_server.policy.contract import Contract
from xase_server.policy.sight import visible
from xase_server.query.schema import Schema


def only(schema: Schema, paths: Iterable[str]) -> Schema:
    """The schema as these fields, with all below them, show it."""
    return visible(Contract(fields=frozenset(paths)), schema)
