"""From a record id to its number: sorted 64-bit hashes and their numbers in one mapped file.

Two ids may share a hash (an adversary can make them); so the text of every candidate is compared.
Twelve bytes a record: all hashes, ascending, then the numbers in the same order.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from xase_server.datasets.types import Array

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
ReadIds = Callable[[np.ndarray[Any, Any]], Array]
"""The ids of records with these numbers."""

_WORD: Final = 8
_ENTRY_BYTES: Final = 12
_LONGEST: Final = 1 << 10
"""Bytes of a text that its hash covers."""


def text_hashes(texts: Array) -> Hashes:
    """One hash for each text of a string array without nulls, eight bytes of all texts at a time."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    starts, lengths = bounds[:-1], np.diff(bounds)
    first, last = int(bounds[0]), int(bounds[-1])
    padded = np.zeros(last - first + _WORD, np.uint8)
    if last > first:
        padded[: last - first] = np.frombuffer(data, np.uint8)[first:last]
    words = np.ndarray((len(padded) - _WORD + 1,), "<u8", padded, strides=(1,))
    hashes = mixed(lengths.astype(np.uint64))
    longest = min(int(lengths.max(initial=0)), _LONGEST)
    for at in range(0, max(longest, 1), _WORD):
        long = slice(None) if at == 0 else np.flatnonzero(lengths > at)
        left = np.clip(lengths[long] - at, 0, _WORD).astype(np.uint64)
        half = np.uint64(4) * (np.uint64(_WORD) - left)  # twice, because a shift by 64 is no shift
        kept = words[starts[long] - first + at] << half << half
        hashes[long] = mixed(hashes[long] ^ kept)
    return hashes


def mixed(values: Hashes) -> Hashes:
    """A permutation of the 64-bit numbers in which each bit depends on all (the finaliser of SplitMix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Ids:
    """The ids of one version; safe for use from many threads."""

    def __init__(self, path: Path, rows: int, read: ReadIds) -> None:
        self._read = read
        self._hashes: Hashes = np.zeros(0, np.uint64)
        self._numbers: np.ndarray[Any, np.dtype[np.uint32]] = np.zeros(0, np.uint32)
        if rows:
            whole = np.memmap(path, np.uint8, "r", shape=(rows * _ENTRY_BYTES,))
            self._hashes = whole[: rows * _WORD].view("<u8")
            self._numbers = whole[rows * _WORD :].view("<u4")

    def numbers(self, record_ids: Sequence[str]) -> list[int | None]:
        """The number of each, None for an unknown one."""
        asked = pa.array([_encodable(each) for each in record_ids], pa.string())
        hashes = text_hashes(asked)
        low = np.searchsorted(self._hashes, hashes, "left")
        high = np.searchsorted(self._hashes, hashes, "right")
        spans = high - low
        places = np.repeat(low, spans) + _counted(spans)
        numbers = np.asarray(self._numbers[places], np.int64)
        owners = np.repeat(np.arange(len(record_ids)), spans)
        found: list[int | None] = [None] * len(record_ids)
        for owner, number, text in zip(owners.tolist(), numbers.tolist(), self._read(numbers).to_pylist(), strict=True):
            if text == record_ids[owner]:
                found[owner] = number
        return found


def _counted(spans: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """0, 1, … for each span: 2, 0, 3 gives 0, 1, 0, 1, 2."""
    ends = np.cumsum(spans)
    counted: np.ndarray[Any, Any] = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - spans, spans)
    return counted


def _encodable(text: str) -> str:
    """The text, or an empty one for what no UTF-8 text can be."""
    return text if text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text) else ""


def write(path: Path, hashes: Hashes) -> np.ndarray[Any, Any]:
    """Write the file for records 0, 1, … with these hashes; gives the numbers whose hash another record has, too."""
    order = np.argsort(hashes)
    ascending = hashes[order]
    with path.open("wb") as stream:
        stream.write(ascending.astype("<u8", copy=False).data)
        stream.write(order.astype("<u4").data)
    twins = np.flatnonzero(ascending[1:] == ascending[:-1])
    return np.sort(order[np.unique(np.concatenate([twins, twins + 1]))])
