"""A text in blocks of whole lines, so that neither the text nor a line without end fills the memory."""

from collections.abc import Iterator

from xase_server.datasets.bounds import Bounds, too_large
from xase_server.datasets.ingest.source import Source, without_bom

_BLOCK = 4 << 20


def line_blocks(source: Source, bounds: Bounds) -> Iterator[tuple[int, bytes]]:
    """The number of a block's first line, counted from 1, and the block; each ends with a line's end.

    Raises IngestProblem for a line that is too long.
    """
    source.stream.seek(0)
    number, pieces, waiting = 1, [without_bom(source.stream.read(_BLOCK))], 0
    while pieces[-1]:
        head, newline, tail = pieces[-1].rpartition(b"\n")
        if newline:
            block = b"".join([*pieces[:-1], head, newline])
            _check_lines(block, number, bounds)
            yield number, block
            number += block.count(b"\n")
            pieces = [tail] if tail else []
            waiting = 0
        waiting += len(pieces[-1]) if pieces else 0
        if waiting > bounds.line_bytes:
            raise _too_long(number, bounds)
        pieces.append(source.stream.read(_BLOCK))
    if last := b"".join(pieces):
        yield number, last + b"\n"


def _check_lines(block: bytes, number: int, bounds: Bounds) -> None:
    """Only a block longer than the bound can hold a line that is."""
    if len(block) > bounds.line_bytes:
        for offset, line in enumerate(block.split(b"\n")):
            if len(line) > bounds.line_bytes:
                raise _too_long(number + offset, bounds)


def _too_long(number: int, bounds: Bounds) -> Exception:
    return too_large(f"Line {number:,} is longer than {bounds.line_bytes:,} bytes")
