"""The yardstick of the store: a plain file in the place of the database, under the very same ledger.

Each batch is one write and one `fdatasync`: canonical entries, payload parts with their salts, and the signed
checkpoint, so that the same bytes are durable when a caller is answered. There is no index and nothing can be
looked up; chain ends, tiles and the head live in memory. What is left of the ratio is what the database costs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from xase_server.domain.entries import Claim, Stream
from xase_server.ports import Head, SealedBatch, StreamHead


class PlainStore:
    """The part of `xase_server.ports.Storage` that appending needs, and its `Transaction` in one."""

    def __init__(self, path: Path, log: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._streams: dict[Stream, StreamHead] = {}
        self._tiles: dict[tuple[int, int], bytes] = {}
        self.head = Head(log, 0, b"", "", 0, 0)

    @contextmanager
    def begin(self) -> Iterator["PlainStore"]:
        """One batch; durable when the context is left."""
        yield self
        os.fdatasync(self._file)

    def read(self, _work: object) -> Head:
        """The only question a ledger asks at its start: where the log ends."""
        return self.head

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
        self.head = batch.head

    def close(self) -> None:
        """Give back the file."""
        os.close(self._file)
