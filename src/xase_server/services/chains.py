"""Chains merged from their ends: the entries of a few chains newest first, without a look at any other."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final

from xase_server.domain.entries import Stream
from xase_server.ports import Reads
from xase_server.services.collected import Entry

_FIRST: Final = 4
_PIECE: Final = 200


def merged(reads: Reads, streams: Iterable[Stream], below: int) -> Iterator[Entry]:
    """(index, canonical bytes) of the chains' entries below an index of the log, the highest first."""
    return heapq.merge(*(_backwards(reads, stream, below) for stream in streams), reverse=True)


def _backwards(reads: Reads, stream: Stream, below: int) -> Iterator[Entry]:
    """One chain from its end: a few entries at first, because most chains give none to a page."""
    stop, piece = _length_below(reads, stream, below), _FIRST
    while stop:
        start = max(0, stop - piece)
        yield from reversed(reads.stream_entries(stream, start, stop - start))
        stop, piece = start, _PIECE


def _length_below(reads: Reads, stream: Stream, below: int) -> int:
    """How many of a chain's entries lie below an index, by doubling and bisection."""

    def lies_below(sequence: int) -> bool:
        rows = reads.stream_entries(stream, sequence, 1)
        return bool(rows) and rows[0][0] < below

    low, high = 0, 1
    while lies_below(high - 1):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if lies_below(middle) else (low, middle)
    return low
