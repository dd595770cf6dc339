"""The reference evaluator as an engine: for tests, for the demo, and as the meaning that others must equal."""

from collections.abc import Mapping, Sequence
from typing import Any

from xase_server.ports.engines import NOTHING_BESIDE
from xase_server.query.aggregate import aggregate, find
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.match import matches
from xase_server.query.nodes import Node
from xase_server.query.schema import ListOf, Schema, Struct, Type
from xase_server.query.stages import Find, Pipeline
from xase_server.query.values import Row, Value


class MemoryEngine:
    """Runs queries over rows held in memory, numbered from 0 unless `numbers` says otherwise."""

    def __init__(
        self, rows: Sequence[Row], limits: QuerySettings = DEFAULTS, *, numbers: Sequence[int] | None = None
    ) -> None:
        self._rows = rows
        self._numbers = range(len(rows)) if numbers is None else numbers
        self._limits = limits

    def seeing(self, visible: Schema, within: Node, beside: Mapping[str, str] = NOTHING_BESIDE) -> "MemoryEngine":
        """See `Engine.seeing`."""
        allowed = [pair for pair in zip(self._numbers, self._rows, strict=True) if matches(within, pair[1])]
        hidden = beside.items()
        rows = [{**seen(row, visible), **{name: row.get(column) for name, column in hidden}} for _, row in allowed]
        return MemoryEngine(rows, self._limits, numbers=[number for number, _ in allowed])

    def numbers(self, query: Find) -> Sequence[int]:
        """See `Engine.numbers`."""
        return [self._numbers[place] for place in find(query, self._rows, self._limits)]

    def count(self, filter: Node) -> int:
        """See `Engine.count`."""
        return len(find(Find(filter), self._rows, self._limits))

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """See `Engine.aggregate`."""
        return aggregate(pipeline, self._rows, self._limits)


def seen(value: Value, visible: Type) -> Value:
    """A value with the members of `visible` and no others, in their order: what is not there is null."""
    if isinstance(visible, Struct) and isinstance(value, Mapping):
        return {name: seen(value.get(name), type_) for name, type_ in visible.members}
    if isinstance(visible, ListOf) and isinstance(value, list):
        return [seen(each, visible.element) for each in value]
    return value
