"""What every engine promises to the rest of the server."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from xase_server.query.nodes import Node
from xase_server.query.schema import Schema
from xase_server.query.stages import Find, Pipeline

NOTHING_BESIDE: Final[Mapping[str, str]] = MappingProxyType({})


class Engine(Protocol):
    """Runs parsed queries over one immutable dataset version.

    An engine answers as the reference evaluator does (`query.match`, `query.aggregate`), or refuses with
    `invalid_query`; it never answers with something near. It is used from several threads at once, reads
    only, and gives up after `QuerySettings.seconds` with `invalid_query`.
    """

    def seeing(self, visible: Schema, within: Node, beside: Mapping[str, str] = NOTHING_BESIDE) -> "Engine":
        """An engine that sees only a part of the schema, and only rows that meet a condition.

        It answers as if there were no other members than those of `visible`, and no other rows than those for
        which `within`, asked of all members, is true. Record numbers stay what they are. In pipelines rows have
        the whole columns that `beside` names as well, under names that no query can write; `$$ROOT` holds them
        too, so whoever gives them must not let it be named.
        """
        ...

    def numbers(self, query: Find) -> Sequence[int]:
        """The record numbers that a find answers with, in its order, ties in dataset order.

        Numbers only: the rows are taken elsewhere, after the release of these numbers is in the ledger.
        """
        ...

    def count(self, filter: Node) -> int:
        """How many records a filter is true for."""
        ...

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """The rows of a pipeline: Python values, dates as aware datetimes; a null member of a row may be absent."""
        ...
