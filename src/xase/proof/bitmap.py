"""Sets of record numbers, read without any library: the portable 64-bit Roaring format.

The bytes hold a count (8 bytes, little-endian), then for each value of the upper 32 bits this value (4 bytes) and a
32-bit bitmap of RoaringFormatSpec. A bitmap is read container by container, each as (upper 48 bits, mask of 65,536
bits), so that a few bytes that stand for millions of numbers never become large.
"""

from array import array
from collections.abc import Generator, Iterator
from itertools import pairwise
from struct import Struct, error
from sys import byteorder
from typing import Final

WIDTH: Final = 1 << 16
"""How many numbers one container covers."""

MOST_CONTAINERS: Final = 32_768
"""The room there is for sets: numbers from two thousand million records, in 256 MiB."""

_COUNT: Final = Struct("<Q")
_WORD: Final = Struct("<I")
_PLAIN: Final = 12_346
_WITH_RUNS: Final = 12_347
_OFFSETS_FROM: Final = 4  # with run containers, only bitmaps of so many containers say where each begins
_MOST_LISTED: Final = 4_096  # a container of more numbers is a bitmap of its own
_BITMAP_BYTES: Final = WIDTH // 8

Container = tuple[int, int]


class BitmapError(ValueError):
    """The bytes are no portable Roaring bitmap."""


class TooManyNumbers(Exception):
    """Sets spread over more containers than are taken on."""


def containers(data: bytes) -> Iterator[Container]:
    """The containers of a bitmap, ascending; raises BitmapError where its bytes break the format."""
    try:
        yield from _read(data)
    except error as short:
        raise BitmapError("ends too early") from short


def count(data: bytes) -> int:
    """How many numbers a bitmap holds; raises BitmapError."""
    return sum(mask.bit_count() for _, mask in containers(data))


def _read(data: bytes) -> Iterator[Container]:
    (parts,) = _COUNT.unpack_from(data)
    at, last = _COUNT.size, -1
    for _ in range(parts):
        (high,) = _WORD.unpack_from(data, at)
        if high <= last:
            raise BitmapError("is not in order")
        last = high
        at = yield from _read_32(data, at + _WORD.size, high << 16)
    if at != len(data):
        raise BitmapError("has bytes behind its end")


def _read_32(data: bytes, at: int, high: int) -> Generator[Container, None, int]:
    """The containers of one 32-bit bitmap that begins at `at`; returns where it ends."""
    (cookie,) = _WORD.unpack_from(data, at)
    has_runs = cookie & 0xFFFF == _WITH_RUNS
    if has_runs:
        number, flags, at = (cookie >> 16) + 1, at + 4, at + 4 + ((cookie >> 16) + 8) // 8
    elif cookie == _PLAIN:
        number, flags, at = *_WORD.unpack_from(data, at + 4), at, at + 8
    else:
        raise BitmapError("has an unknown cookie")
    head = _words(data, at, 2 * number)
    at += 4 * number + (4 * number if not has_runs or number >= _OFFSETS_FROM else 0)
    if any(a >= b for a, b in pairwise(head[::2])):
        raise BitmapError("is not in order")
    for place in range(number):
        is_run = has_runs and data[flags + place // 8] >> place % 8 & 1
        size = head[2 * place + 1] + 1
        mask, at = _runs(data, at) if is_run else _numbers(data, at, size)
        if mask.bit_count() != size:
            raise BitmapError("miscounts a container")
        yield high | head[2 * place], mask
    return at


def _words(data: bytes, at: int, number: int) -> "array[int]":
    """So many 16-bit numbers, little-endian."""
    words = array("H")
    piece = data[at : at + 2 * number]
    if len(piece) != 2 * number:
        raise BitmapError("ends too early")
    words.frombytes(piece)
    if byteorder == "big":
        words.byteswap()
    return words


def _numbers(data: bytes, at: int, size: int) -> tuple[int, int]:
    """The mask of a list or bitmap of `size` numbers, and where it ends."""
    if size > _MOST_LISTED:
        piece = data[at : at + _BITMAP_BYTES]
        if len(piece) != _BITMAP_BYTES:
            raise BitmapError("ends too early")
        return int.from_bytes(piece, "little"), at + _BITMAP_BYTES
    bits = bytearray(_BITMAP_BYTES)
    for number in _words(data, at, size):
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little"), at + 2 * size


def _runs(data: bytes, at: int) -> tuple[int, int]:
    """The mask of a list of runs, and where it ends."""
    (number,) = _words(data, at, 1)
    runs = _words(data, at + 2, 2 * number)
    mask, following = 0, 0
    for start, more in zip(runs[::2], runs[1::2], strict=True):
        if start < following or start + more >= WIDTH:
            raise BitmapError("has runs that overlap")
        following = start + more + 1
        mask |= ((2 << more) - 1) << start
    return mask, at + 2 + 4 * number


class Room:
    """How many containers some sets may still take up together."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_CONTAINERS) -> None:
        self.left = left

    def take(self) -> None:
        """Take one up; raises TooManyNumbers when there is none left."""
        self.left -= 1
        if self.left < 0:
            raise TooManyNumbers


class RecordSet:
    """A set of record numbers that grows by whole bitmaps."""

    __slots__ = ("_masks", "_room")

    def __init__(self, room: Room) -> None:
        self._masks: dict[int, int] = {}
        self._room = room

    def add(self, bitmap: bytes) -> None:
        """Take in a bitmap's numbers. Raises BitmapError, TooManyNumbers."""
        masks = self._masks
        for key, mask in containers(bitmap):
            if key not in masks:
                self._room.take()
            masks[key] = masks.get(key, 0) | mask

    def lacked_of(self, bitmap: bytes) -> int:
        """How many of a bitmap's numbers are not in the set. Raises BitmapError."""
        return sum((mask & ~self._masks.get(key, 0)).bit_count() for key, mask in containers(bitmap))

    def shared_with(self, bitmap: bytes) -> int:
        """How many of a bitmap's numbers are in the set. Raises BitmapError."""
        return sum((mask & self._masks[key]).bit_count() for key, mask in containers(bitmap) if key in self._masks)
