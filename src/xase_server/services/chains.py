"""Chains merged from their ends: the entries of a few chains newest first, without a look at any other."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final

from xase_server.domain.entries import Stream
from xase_server.ports import Reads
from xase_server.services.collected import Entry, leading

_FIRST: Final = 4
_PIECE: Final = 200


def merged(reads: Reads, streams: Iterable[Stream], below: int) -> Iterator[Entry]:
    """(index, canonical bytes) of the chains' entries below an index of the log, the highest first."""
    return heapq.merge(*(_backwards(reads, stream, below) for stream in streams), reverse=True)


def _backwards(reads: Reads, stream: Stream, below: int) -> Iterator[Entry]:
    """One chain from its end: a few entries at first, because most chains give none to a page."""
    stop, piece = leading(reads, stream, lambda entry: entry[0] < below), _FIRST
    while stop:
        start = max(0, stop - piece)
        yield from reversed(reads.stream_entries(stream, start, stop - start))
        stop, piece = start, _PIECE
