"""Noise of scale 1, drawn for each record by a key: the same on every read, whatever was read before."""

from typing import Any, Final, NamedTuple

import numpy as np

from xase_server.transforms.memo import Memory
from xase_server.transforms.places import Integers, Places
from xase_server.transforms.siphash import KEY_BYTES, Words, siphash

Numbers = np.ndarray[Any, np.dtype[np.float64]]

_BLOCK: Final = 1 << 16
"""Records whose draws are kept together: as many as a batch has."""

_MANTISSA: Final = 53


class _Block(NamedTuple):
    draws: Numbers

    @property
    def bytes(self) -> int:
        """See `memo.Kept`."""
        return self.draws.nbytes


class Draws:
    """Draws under one key. To draw takes far longer than to add, so those of whole blocks of records are remembered."""

    def __init__(self, key: bytes, memory: Memory) -> None:
        self._key = key[:KEY_BYTES]
        self._memory = memory

    def of(self, places: Places) -> Numbers:
        """One for each value, by its record's number and its place in the record; not to be written to."""
        run = places.run if places.rows is None else None
        if not run:
            return self._drawn(places.own_numbers, places.ordinals)
        parts = [self._part(block, run) for block in range(run.start // _BLOCK, (run.stop - 1) // _BLOCK + 1)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _part(self, block: int, run: range) -> Numbers:
        """Those of a run that lie in a block."""
        begin = block * _BLOCK
        start, stop = max(run.start, begin), min(run.stop, begin + _BLOCK)
        name = ("noise", self._key, block)
        kept: _Block | None = self._memory.get(name)
        if kept is not None:
            return kept.draws[start - begin : stop - begin]
        numbers = np.arange(start, stop)
        drawn = self._drawn(numbers, np.zeros_like(numbers))
        if len(drawn) == _BLOCK:
            self._memory.put(name, _Block(drawn))
        return drawn

    def _drawn(self, numbers: Integers, ordinals: Integers) -> Numbers:
        return laplace(siphash(self._key, numbers.astype(np.uint64), ordinals.astype(np.uint64)))


def laplace(words: Words) -> Numbers:
    """64 bits each as noise of scale 1: the first says the sign, the highest 53 of the others the size."""
    sign = np.where(words >> np.uint64(63), -1.0, 1.0)
    share = ((words << np.uint64(1)) >> np.uint64(64 - _MANTISSA)).astype(np.float64) + 0.5
    return sign * -np.log(share / (1 << _MANTISSA))
