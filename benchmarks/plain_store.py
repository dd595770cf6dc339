"""The yardstick of the store: a plain file in the place of the database, under the very same ledger.

Each batch is one write and one `fdatasync`: canonical entries, payload parts with their salts, and the signed
checkpoint, so that the same bytes are durable when a caller is answered. There is no index and nothing can be
looked up; chain ends, tiles and the head live in memory. What is left of the ratio is what the database costs.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from xase_server.domain.entries import Claim, Stream
from xase_server.ports import Head, SealedBatch, StreamHead

T = TypeVar("T")


class PlainStore:
    """The part of `xase_server.ports.Storage` that appending needs, and its `Transaction` in one."""

    def __init__(self, path: Path, log: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._streams: dict[Stream, StreamHead] = {}
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._head = Head(log, 0, b"", "", 0, 0)
        self._reading = _EndOnly(self)

    @contextmanager
    def begin(self) -> Iterator["PlainStore"]:
        """One batch; durable when the context is left."""
        yield self
        os.fdatasync(self._file)

    @property
    def head(self) -> Head:
        """The end of the log."""
        return self._head

    def read(self, work: Callable[["_EndOnly"], T]) -> T:
        """Only the head can be read: it is what a ledger asks for when it starts."""
        return work(self._reading)

    def claims(self, _keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Claim]:
        """None: this load sends no idempotency keys."""
        return {}

    def streams(self, names: Sequence[Stream]) -> Mapping[Stream, StreamHead]:
        """The ends of these chains."""
        return {name: self._streams[name] for name in names if name in self._streams}

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far."""
        return self._tiles.get((level, number), b"")

    def write(self, batch: SealedBatch) -> None:
        """Write the batch with one call."""
        pieces: list[bytes] = []
        for each in batch.appends:
            pieces.append(each.entry.raw)
            for part in each.append.parts.values():
                pieces += (part.salt, part.canonical)
        os.write(self._file, b"".join((*pieces, batch.head.checkpoint.encode())))
        self._streams.update(batch.streams)
        self._tiles.update(batch.tiles)
        self._head = batch.head

    def close(self) -> None:
        """Give back the file."""
        os.close(self._file)


class _EndOnly:
    def __init__(self, store: PlainStore) -> None:
        self._store = store

    def head(self) -> Head:
        return self._store.head
