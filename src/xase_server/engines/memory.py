"""The reference evaluator as an engine: for tests, for the demo, and as the meaning that others must equal."""

from collections.abc import Mapping, Sequence
from typing import Any

from xase_server.query.aggregate import aggregate, find
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.nodes import Node
from xase_server.query.stages import Find, Pipeline
from xase_server.query.values import Row


class MemoryEngine:
    """Runs queries over rows held in memory, numbered from 0."""

    def __init__(self, rows: Sequence[Row], limits: QuerySettings = DEFAULTS) -> None:
        self._rows = rows
        self._limits = limits

    def numbers(self, query: Find) -> Sequence[int]:
        """See `Engine.numbers`."""
        return find(query, self._rows)

    def count(self, filter: Node) -> int:
        """See `Engine.count`."""
        return len(find(Find(filter), self._rows))

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """See `Engine.aggregate`."""
        return aggregate(pipeline, self._rows, self._limits)
