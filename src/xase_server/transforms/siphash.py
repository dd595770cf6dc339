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
_BLOCK: Final = 1 << 14
"""Rows at a time: their five arrays of 128 KiB stay in the processor's cache, and are used again by the next."""


def siphash(key: bytes, first: Words, second: Words) -> Words:
    """The hash of `first ‖ second`, each as eight little-endian bytes, for every row."""
    low, high = (int(word) for word in np.frombuffer(key[:KEY_BYTES], "<u8"))
    start = [np.uint64(word ^ half) for word, half in zip(_CONSTANTS, (low, high) * 2, strict=True)]
    found = np.empty(len(first), np.uint64)
    room = np.empty((len(start) + 1, min(len(first), _BLOCK)), np.uint64)
    for at in range(0, len(first), _BLOCK):
        block = slice(at, at + _BLOCK)
        *state, spare = room[:, : len(found[block])]
        for words, word in zip(state, start, strict=True):
            words.fill(word)
        _hash(state, (first[block], second[block], _LENGTH), spare)
        np.bitwise_xor(state[0] ^ state[1], state[2] ^ state[3], out=found[block])
    return found


def _hash(state: list[Words], message: tuple[Words | np.uint64, ...], spare: Words) -> None:
    for word in message:
        state[3] ^= word
        _rounds(state, 2, spare)
        state[0] ^= word
    state[2] ^= np.uint64(0xFF)
    _rounds(state, 4, spare)


def _rounds(state: list[Words], count: int, spare: Words) -> None:
    """Whatever comes out is written over what went in: to find fresh memory would take longer than to compute."""
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0 += v1
        v2 += v3
        _rotate(v1, 13, spare)
        _rotate(v3, 16, spare)
        v1 ^= v0
        v3 ^= v2
        _rotate(v0, 32, spare)
        v2 += v1
        v0 += v3
        _rotate(v1, 17, spare)
        _rotate(v3, 21, spare)
        v1 ^= v2
        v3 ^= v0
        _rotate(v2, 32, spare)


def _rotate(words: Words, bits: int, spare: Words) -> None:
    np.left_shift(words, np.uint64(bits), out=spare)
    np.right_shift(words, np.uint64(_BITS - bits), out=words)
    words |= spare
