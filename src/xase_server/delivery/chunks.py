"""Streams cut into pieces of a size that a socket likes."""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa

CHUNK: Final = 1 << 19
"""512 KiB: from 256 KiB to 1 MiB a socket takes about the same time for a byte."""

Piece = bytes | memoryview


def gathered(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The same bytes, each copied once, in chunks of CHUNK bytes; the last one may be shorter."""
    held: list[Piece] = []
    room = CHUNK
    for piece in pieces:
        start = 0
        while len(piece) - start >= room:
            yield b"".join((*held, piece[start : start + room]))
            start, held, room = start + room, [], CHUNK
        if start < len(piece):
            held.append(piece[start:])
            room -= len(piece) - start
    if held:
        yield b"".join(held)


def row_groups(table: pa.Table) -> Iterator[pa.Table]:
    """The rows in parts that become chunks: text is one to three times as long as Arrow's memory of the same rows."""
    rows = max(1, CHUNK // 2 * table.num_rows // max(1, table.nbytes))
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)
