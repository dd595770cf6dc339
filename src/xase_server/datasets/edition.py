"""A version as transforms leave it: rows are changed as they are taken, queries run on what was changed before.

A query that asks nothing of a changed column runs on the version itself; any other on a database of the
changed rows, made when the first such query comes. So a filter, a sort or a group can tell no more of a
value than reading it can. Source: docs/spec/policy.md, section 1, what a lab may refer to.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import numpy as np
import pyarrow as pa

from xase_server.policy.grouping import walk
from xase_server.ports.datasets import Edit, Numbers, Version
from xase_server.ports.engines import NOTHING_BESIDE, Engine
from xase_server.query.expressions import Field
from xase_server.query.nodes import TRUE, At, Node
from xase_server.query.schema import Schema, Struct
from xase_server.query.stages import Facet, Find, Group, Pipeline, ReplaceRoot, Reshape, SortKey, Unwind
from xase_server.transforms.numbered import FindNumbered

_BATCH_ROWS: Final = 1 << 16
_SHAPING: Final = (Group, Reshape, ReplaceRoot, Facet)


class Stored:
    """A database of changed rows, opened; `numbers` are the record numbers of its rows, None when it has all."""

    def __init__(self, engine: Engine, numbers: Numbers | None) -> None:
        self._engine = engine
        self._numbers = numbers
        self._seeing: dict[Any, Engine] = {}

    def seeing(self, visible: Schema, beside: Mapping[str, str]) -> Engine:
        """The engine for what is visible of it."""
        name = (visible, tuple(beside.items()))
        return self._seeing.setdefault(name, self._engine.seeing(visible, TRUE, beside))

    def numbers(self, found: Sequence[int]) -> Sequence[int]:
        """Record numbers for the places of rows."""
        if self._numbers is None:
            return found
        places = np.asarray(found, np.int64)
        mapped: Any = self._numbers[places]
        return memoryview(mapped)


Keep = Callable[[str, Callable[[], "Rows"]], Stored]
"""The database of this name, made of the rows when there is none."""


class Rows:
    """The changed rows that a database is made of: of these record numbers, or of all."""

    def __init__(self, edition: "Edition", numbers: Numbers | None) -> None:
        self.numbers = numbers
        self.schema = edition.schema
        self.failure: Exception | None = None
        """Why the rows came to an end too soon; what reads them as a stream tells it in words of its own."""
        self._edition = edition

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream, few at a time in memory."""
        return pa.RecordBatchReader.from_batches(self._edition.slice(0, 0).schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._changed()
        except Exception as error:
            self.failure = error
            raise

    def _changed(self) -> Iterator[pa.RecordBatch]:
        count = self._edition.rows if self.numbers is None else len(self.numbers)
        for start in range(0, count, _BATCH_ROWS):
            stop = min(start + _BATCH_ROWS, count)
            table = (
                self._edition.slice(start, stop)
                if self.numbers is None
                else self._edition.take(self.numbers[start:stop])
            )
            yield from table.combine_chunks().to_batches()


class Edition:
    """See `ports.Version`. Record numbers, ids and what `numbered` knows are those of the version."""

    def __init__(self, version: Version, edit: Edit, keep: Keep, numbered: FindNumbered) -> None:
        own = dict(edit.transforms.schema.members)
        self._version = version
        self._transforms = edit.transforms
        self._schema = Struct(tuple((name, own[name]) for name in edit.columns if name in own))
        self._engine = EditionEngine(self, version, edit, keep)
        self._numbered = numbered

    @property
    def rows(self) -> int:
        """See `Version.rows`."""
        return self._version.rows

    @property
    def schema(self) -> Schema:
        """See `Version.schema`: the types afterwards."""
        return self._schema

    @property
    def engine(self) -> Engine:
        """See `Version.engine`: as such it answers its holder, raw; what it makes others see is changed."""
        return self._engine

    def number_of(self, record_id: str) -> int | None:
        """See `Version.number_of`."""
        return self._version.number_of(record_id)

    def numbers_of(self, record_ids: Sequence[str]) -> Sequence[int | None]:
        """See `Version.numbers_of`."""
        return self._version.numbers_of(record_ids)

    def take(self, numbers: Numbers, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Version.take`."""
        names = self._names(columns)
        return self._changed(self._version.take(numbers, self._transforms.reads(names)), numbers, names)

    def slice(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Version.slice`; what is changed is new memory."""
        names = self._names(columns)
        start = max(start, 0)
        table = self._version.slice(start, stop, self._transforms.reads(names))
        return self._changed(table, range(start, start + table.num_rows), names)

    def _names(self, columns: Sequence[str] | None) -> list[str]:
        return [name for name, _ in self._schema.members] if columns is None else list(columns)

    def _changed(self, table: pa.Table, numbers: Numbers | range, names: list[str]) -> pa.Table:
        return self._transforms.apply(table, numbers, self._numbered).select(names)


class EditionEngine:
    """See `Engine`. Alone it runs on the version, as the holder's own conditions must."""

    def __init__(self, edition: Edition, version: Version, edit: Edit, keep: Keep) -> None:
        self._edition = edition
        self._version = version
        self._edit = edit
        self._keep = keep

    def seeing(self, visible: Schema, within: Node, beside: Mapping[str, str] = NOTHING_BESIDE) -> Engine:
        """See `Engine.seeing`: `visible` is of the changed types, `within` is asked of the version."""
        return ChangedEngine(
            changed=self._edit.transforms.columns,
            plain=lambda: self._plain(visible, within, beside),
            stored=lambda: self._stored(within),
            visible=visible,
            beside=beside,
        )

    def numbers(self, query: Find) -> Sequence[int]:
        """See `Engine.numbers`."""
        return self._version.engine.numbers(query)

    def count(self, filter: Node) -> int:
        """See `Engine.count`."""
        return self._version.engine.count(filter)

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """See `Engine.aggregate`."""
        return self._version.engine.aggregate(pipeline)

    def _plain(self, visible: Schema, within: Node, beside: Mapping[str, str]) -> Engine:
        changed = self._edit.transforms.columns
        same = Struct(tuple(member for member in visible.members if member[0] not in changed))
        alike = {name: column for name, column in beside.items() if column not in changed}
        return self._version.engine.seeing(same, within, alike)

    def _stored(self, within: Node) -> Stored:
        name = sha256(f"{self._edit.name}\n{within!r}".encode()).hexdigest()
        return self._keep(name, lambda: Rows(self._edition, self._numbers(within)))

    def _numbers(self, within: Node) -> Numbers | None:
        return None if within == TRUE else np.array(self._version.engine.numbers(Find(within)), np.int64)


class ChangedEngine:
    """See `Engine`: what a caller sees of an edition. `plain` answers what asks nothing of a changed column."""

    def __init__(
        self,
        *,
        changed: frozenset[str],
        plain: Callable[[], Engine],
        stored: Callable[[], Stored],
        visible: Schema,
        beside: Mapping[str, str],
    ) -> None:
        self._changed = changed
        self._make_plain = plain
        self._plain: Engine | None = None
        self._stored = stored
        self._visible = visible
        self._beside = beside

    def seeing(self, visible: Schema, within: Node, beside: Mapping[str, str] = NOTHING_BESIDE) -> Engine:
        """Not offered: what is seen of an edition is narrowed once."""
        raise NotImplementedError

    def numbers(self, query: Find) -> Sequence[int]:
        """See `Engine.numbers`."""
        if self._is_plain(_heads((query.filter, query.sort))):
            return self._same.numbers(query)
        stored = self._stored()
        return stored.numbers(stored.seeing(self._visible, self._beside).numbers(query))

    def count(self, filter: Node) -> int:
        """See `Engine.count`."""
        return self._for(_heads(filter)).count(filter)

    def aggregate(self, pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
        """See `Engine.aggregate`."""
        heads = _heads(pipeline) if _groups(pipeline) else None
        return self._for(heads).aggregate(pipeline)

    def _for(self, heads: frozenset[str] | None) -> Engine:
        """What answers a query that names these columns."""
        return self._same if self._is_plain(heads) else self._stored().seeing(self._visible, self._beside)

    @property
    def _same(self) -> Engine:
        if self._plain is None:
            self._plain = self._make_plain()
        return self._plain

    def _is_plain(self, heads: frozenset[str] | None) -> bool:
        return heads is not None and self._changed.isdisjoint(self._beside.get(head, head) for head in heads)


def _groups(pipeline: Pipeline) -> bool:
    """Whether nothing but groups leaves a pipeline, so that it depends on what it names alone."""
    shaping = next((stage for stage in pipeline if isinstance(stage, _SHAPING)), None)
    return isinstance(shaping, Group)


def _heads(query: Any) -> frozenset[str] | None:
    """The top-level columns that a query names; None when it names a whole row."""
    found: set[str] = set()
    for each in walk(query):
        if isinstance(each, At | SortKey | Unwind) or (isinstance(each, Field) and each.variable is None):
            if not each.path:
                return None
            found.add(each.path[0])
    return frozenset(found)
