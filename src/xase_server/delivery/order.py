"""Training order: a keyed permutation of the record numbers, and each rank's share of its positions.

The number at a position is computed, never stored, so that a position is the whole state of a run.

The permutation is a Feistel network of eight rounds over pairs of k-bit halves, for the least k >= 1 with
4**k >= n. Where a result is n or more, it is put in again, until it is less. A round makes of (left, right)
the pair (right, left XOR f), f being the low k bits of mix(key << 32 | right) and mix the finaliser of
MurmurHash3 (64 bits). The eight 32-bit keys are SHA-256 of `xase.order.1`, n, epoch and seed as text,
joined by line feeds, cut into big-endian words.

A shuffle for training, not a cipher: the numbers of a delivered share may tell something of the seed.
"""

import hashlib
from typing import Any, Final

import numpy as np

from xase_server.delivery.numbers import Numbers

_Words = np.ndarray[Any, np.dtype[np.uint64]]

_DOMAIN: Final = "xase.order.1"
_HALF: Final = np.uint64(32)
_SHIFT: Final = np.uint64(33)
_FACTORS: Final = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))


class Permutation:
    """A permutation of range(n) for a seed and an epoch, in constant memory. Raises ValueError for n beyond 2**62."""

    def __init__(self, n: int, seed: int | str, epoch: int) -> None:
        if not 0 <= n <= 1 << 62:
            raise ValueError("a permutation is of 0 to 2**62 numbers")
        self._count = n
        bits = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
        self._bits, self._mask = np.uint64(bits), np.uint64((1 << bits) - 1)
        digest = hashlib.sha256("\n".join((_DOMAIN, str(n), str(epoch), str(seed))).encode()).digest()
        self._keys = np.frombuffer(digest, ">u4").astype(np.uint64) << _HALF

    def __len__(self) -> int:
        return self._count

    def numbers(self, start: int, stop: int, step: int = 1) -> Numbers:
        """The numbers at positions start, start + step, … before stop; positions beyond the end are left out."""
        return self.at(np.arange(start, min(stop, self._count), step, dtype=np.int64))

    def at(self, positions: Numbers) -> Numbers:
        """The numbers at these positions, each 0 to n - 1. Raises ValueError for another one."""
        if len(positions) and (positions.min() < 0 or positions.max() >= self._count):
            raise ValueError(f"positions are 0 to {self._count - 1}")
        found = self._rounds(positions.astype(np.uint64))
        outside = np.flatnonzero(found >= self._count)
        while len(outside):
            found[outside] = self._rounds(found[outside])
            outside = outside[found[outside] >= self._count]
        return found.astype(np.int64)

    def _rounds(self, words: _Words) -> _Words:
        left, right = words >> self._bits, words & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(key | right) & self._mask)
        return (left << self._bits) | right


def share(start: int, stop: int, world_size: int, rank: int) -> range:
    """The positions of one rank among those from `start` to `stop` - 1: every `world_size`-th, from start + rank.

    When all ranks have taken k of theirs, the run stands at start + k * world_size; from there any other
    number of ranks may go on. Raises ValueError for a rank that is not one of the world's.
    """
    if not 0 <= rank < world_size:
        raise ValueError(f"ranks are 0 to {world_size - 1}")
    return range(start + rank, stop, world_size)


def _mixed(words: _Words) -> _Words:
    for factor in _FACTORS:
        words = (words ^ (words >> _SHIFT)) * factor
    return words ^ (words >> _SHIFT)
