"""SipHash-2-4 (Aumasson and Bernstein, 2012) of pairs of 64-bit words, whole columns at a time.

A keyed function whose values tell nothing of each other or of the key.
"""

from typing import Any, Final

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint64]]

KEY_BYTES: Final = 16
_CONSTANTS: Final = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_LENGTH: Final = np.uint64(16 << 56)
_BITS: Final = 64


def siphash(key: bytes, first: Words, second: Words) -> Words:
    """The hash of `first ‖ second`, each as eight little-endian bytes, for every row."""
    low, high = (int(word) for word in np.frombuffer(key[:KEY_BYTES], "<u8"))
    state = [
        np.full(len(first), word ^ half, np.uint64) for word, half in zip(_CONSTANTS, (low, high) * 2, strict=True)
    ]
    for word in (first, second, _LENGTH):
        state[3] = state[3] ^ word
        _rounds(state, 2)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    _rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(v: list[Words], count: int) -> None:
    for _ in range(count):
        v[0] = v[0] + v[1]
        v[2] = v[2] + v[3]
        v[1] = _rotated(v[1], 13) ^ v[0]
        v[3] = _rotated(v[3], 16) ^ v[2]
        v[0] = _rotated(v[0], 32)
        v[2] = v[2] + v[1]
        v[0] = v[0] + v[3]
        v[1] = _rotated(v[1], 17) ^ v[2]
        v[3] = _rotated(v[3], 21) ^ v[0]
        v[2] = _rotated(v[2], 32)


def _rotated(words: Words, bits: int) -> Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(_BITS - bits))
