"""`mask` and `redact`: less of a text, or nothing of it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array, buffer, validity
from xase_server.query.schema import Kind
from xase_server.transforms.distinct import by_text, texts
from xase_server.transforms.graphemes import graphemes
from xase_server.transforms.memo import Memo, Memory, Results
from xase_server.transforms.specs import MAX_KEPT_SHARE, Mask, Redact

_WORD: Final = 8
_HIGH: Final = 0x8080808080808080
"""The bits that no byte of ASCII has."""

_RETURN: Final = b"\r"


def masked(spec: Mask, memory: Memory) -> Callable[[Array], Array]:
    """Keeps the first and the last characters as people count them.

    Where each byte is a character they are counted for all rows at once, elsewhere one text after the other.
    """

    def made(values: Array) -> Results:
        return np.array([_masked(graphemes(each), spec) for each in texts(values)], object)

    memo = Memo(made, memory, spec)

    def change(array: Array) -> Array:
        array = array.cast(pa.string())
        if not spec.char.isascii():
            return by_text(memo.of(array))
        if _is_simple(array):
            return _masked_bytes(array, spec)
        simple = pc.and_(pc.string_is_ascii(array), pc.invert(pc.match_substring(array, "\r")))
        others = array.filter(pc.invert(simple))
        bytewise = _masked_bytes(pc.if_else(simple, array, ""), spec)
        return pc.replace_with_mask(bytewise, pc.invert(simple).fill_null(False), by_text(memo.of(others)))

    return change


def _is_simple(array: Array) -> bool:
    """Whether each byte of the texts is a character: what is beyond ASCII is not, nor is a line's end of two."""
    _, content = _bytes(array)
    words = content[: len(content) // _WORD * _WORD].view(np.uint64)
    rest = content[len(words) * _WORD :]
    if np.bitwise_or.reduce(words) & _HIGH or np.bitwise_or.reduce(rest) & (_HIGH & 0xFF):
        return False
    return _RETURN not in content.tobytes()  # which is faster than to compare each


def _bytes(array: Array) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Where each text begins and the last ends, and the bytes between."""
    _, starts, content = array.buffers()
    if starts is None or content is None:
        return np.zeros(len(array) + 1, np.int32), np.zeros(0, np.uint8)
    offsets = np.frombuffer(starts, np.int32)[array.offset : array.offset + len(array) + 1]
    first, last = (int(offsets[0]), int(offsets[-1])) if len(array) else (0, 0)
    return (offsets - first if first else offsets), np.frombuffer(content, np.uint8)[first:last]


def _masked_bytes(array: Array, spec: Mask) -> Array:
    """The texts, of which each byte is a character; where they begin and end stays."""
    offsets, content = _bytes(array)
    after = np.full(len(content), ord(spec.char), np.uint8)
    for places in _kept(offsets, spec):
        after[places] = content[places]
    return pa.StringArray.from_buffers(len(array), buffer(offsets), buffer(after), validity(array))


def _kept(offsets: "np.ndarray[Any, Any]", spec: Mask) -> Iterator["np.ndarray[Any, np.dtype[np.int64]]"]:
    """Where characters stay: the first of each text, the second of each, and so on."""
    kept = spec.keep_first + spec.keep_last
    if not kept:
        return
    least = next(length for length in count() if kept <= MAX_KEPT_SHARE * length)
    long = np.diff(offsets) >= least
    for bounds, steps in ((offsets[:-1], range(spec.keep_first)), (offsets[1:], range(-1, -spec.keep_last - 1, -1))):
        if steps:
            places = (bounds if long.all() else bounds[long]).astype(np.int64)
            yield from (places + step if step else places for step in steps)


def _masked(parts: Sequence[str], spec: Mask) -> str:
    first, last = spec.keep_first, spec.keep_last
    if first + last > MAX_KEPT_SHARE * len(parts):
        first = last = 0
    hidden = spec.char * (len(parts) - first - last)
    return "".join((*parts[:first], hidden, *parts[len(parts) - last :]))


def redacted(spec: Redact, kind: Kind) -> Callable[[Array], Array]:
    """Makes all rows alike, also those without a value: that one is missing may be telling, too."""
    if kind is Kind.STRING:
        return lambda array: pa.repeat(spec.value, len(array)).cast(array.type)
    return lambda array: pa.nulls(len(array), array.type)
