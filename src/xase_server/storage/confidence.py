"""Buckets of confidence: 2^14 of them, in order, gathered in groups of 2^7.

Real confidences crowd near 0 and 1, so the outer sixteenths are cut finer and finer (64 buckets for
each halving of the distance to the end) while the middle is cut evenly. A range of confidences is
then a few whole groups, whole buckets, and at most two buckets that it cuts.
"""

import math
from collections.abc import Iterator
from typing import Final

LEVEL_BITS: Final = (7, 14)
LEAF_LEVEL: Final = len(LEVEL_BITS) - 1

_LAST: Final = (1 << LEVEL_BITS[LEAF_LEVEL]) - 1
_EDGE: Final = 1 / 16
_OCTAVES: Final = 32
_SLICES: Final = 64
_TAIL: Final = _OCTAVES * _SLICES
_MIDDLE: Final = _LAST + 1 - 2 * _TAIL


def bucket_of(confidence: float) -> int:
    """The bucket of a confidence between 0 and 1; never smaller for a larger confidence."""
    if confidence < _EDGE:
        return _tail(confidence)
    if confidence > 1 - _EDGE:
        return _LAST - _tail(1 - confidence)
    return _TAIL + min(int((confidence - _EDGE) / (1 - 2 * _EDGE) * _MIDDLE), _MIDDLE - 1)


def _tail(distance: float) -> int:
    """The bucket of a small distance to the end, counted from the end."""
    mantissa, exponent = math.frexp(distance)  # distance = mantissa · 2^exponent, mantissa in [0.5, 1)
    octave = exponent + _OCTAVES + 3  # just below 1/16 the exponent is −4: the last octave
    if distance == 0 or octave < 0:
        return 0
    return octave * _SLICES + int((mantissa - 0.5) * 2 * _SLICES)


def cover(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Groups that together are exactly the buckets `first` to `last`: (level, first group, last group)."""
    for level in range(LEAF_LEVEL, 0, -1):
        if first > last:
            return
        width = 1 << (LEVEL_BITS[level] - LEVEL_BITS[level - 1])
        below = min(-(-first // width) * width, last + 1)
        above = max((last + 1) // width * width, below)
        yield from ((level, low, high) for low, high in ((first, below - 1), (above, last)) if low <= high)
        first, last = below // width, above // width - 1
    if first <= last:
        yield 0, first, last
