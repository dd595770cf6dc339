"""Streams cut into pieces of a size that a socket likes."""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa

LEAST: Final = 1 << 16
"""From 64 KiB on, handing a piece on as it is beats copying it beside others."""

MOST: Final = 1 << 20

Chunk = bytes | memoryview
"""Bytes to be sent; a view keeps the memory that it shows."""


def gathered(pieces: Iterable[Chunk]) -> Iterator[Chunk]:
    """The same bytes in chunks of at most MOST: short pieces are put together, long ones not copied."""
    held: list[Chunk] = []
    size = 0
    for piece in pieces:
        if held and (size >= LEAST or len(piece) >= LEAST):
            yield b"".join(held)
            held, size = [], 0
        if len(piece) >= LEAST:
            yield from (piece[start : start + MOST] for start in range(0, len(piece), MOST))
        else:
            held.append(piece)
            size += len(piece)
    if held:
        yield b"".join(held)


def row_groups(table: pa.Table) -> Iterator[pa.Table]:
    """The rows in parts of about 256 KiB of Arrow memory; as text they are one to three times as long."""
    rows = max(1, MOST // 4 * table.num_rows // max(1, table.nbytes))
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)
