"""Work done once for each different value of a column, however many rows have it."""

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array, buffer
from xase_server.delivery.rows import in_milliseconds
from xase_server.transforms.memo import Found, Places, Present, Results

_DATE_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

_FEW: Final = 8
"""Batches come in few sizes."""

Codes = np.ndarray[Any, np.dtype[np.int64]]


def by_number(found: Found) -> Array:
    """Each value replaced by the whole number that was made of it; null stays null."""
    if found.present is None:
        return pa.array(found.results.take(found.places))
    numbers = np.zeros(len(found.places), np.int64)
    numbers[found.present] = found.results.take(found.places[found.present])
    return pa.array(numbers, mask=~found.present)


def by_text(found: Found) -> Array:
    """Each value replaced by the text that was made of it; null stays null."""
    absent = None if found.present is None else ~found.present
    return pa.array(found.results, pa.string()).take(pa.array(found.places, mask=absent))


def by_text_of_one_width(found: Found) -> Array:
    """`by_text` for ASCII of one length, which is copied without asking where each text begins."""
    results, places, present = found
    if present is None or present.all():
        present = None
        offsets = _offsets(len(places), results.dtype.itemsize)
    else:
        places = places[present]
        offsets = np.concatenate([[0], np.cumsum(present)]).astype(np.int32) * np.int32(results.dtype.itemsize)
    validity = None if present is None else buffer(np.packbits(present, bitorder="little"))
    return pa.StringArray.from_buffers(len(offsets) - 1, buffer(offsets), _taken(results, places), validity)


@lru_cache(_FEW)
def _offsets(count: int, width: int) -> "np.ndarray[Any, np.dtype[np.int32]]":
    """Where texts of one length begin, and the last one ends."""
    return np.arange(count + 1, dtype=np.int32) * np.int32(width)


def _taken(results: Results, places: Places) -> pa.Buffer:
    """The bytes of the results at these places, in memory that Arrow keeps for the next of the same size."""
    room = pa.allocate_buffer(len(places) * results.dtype.itemsize)
    if len(places):
        into: Any = np.frombuffer(memoryview(room), results.dtype)
        # all lie within, and to find that out takes longer than to copy
        results.take(places.astype(np.int64, copy=False), out=into, mode="clip")
    return room


def texts(values: Array) -> list[str]:
    """Values without nulls as the one text that stands for each: NFC, decimal digits, ISO 8601 in UTC."""
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        values = pc.strftime(in_milliseconds(values), format=_DATE_FORMAT)
    values = values.cast(pa.string())
    found: list[str] = values.to_pylist()
    if pc.all(pc.string_is_ascii(values)).as_py():
        return found
    return [text if text.isascii() else unicodedata.normalize("NFC", text) for text in found]


def present(array: Array) -> Present:
    """Where an array has values."""
    return array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None


def labelled(codes: Codes, there: Present, label: Callable[[int], str]) -> Array:
    """The label of each code, null where nothing is there."""
    if there is not None:
        codes = codes[there]
    distinct, places = _numbered(codes)
    made = pa.array([None if code is None else label(code) for code in distinct], pa.string())
    if there is None:
        return made.take(pa.array(places))
    every = np.zeros(len(there), np.int64)
    every[there] = places
    return made.take(pa.array(every, mask=~there))


def _numbered(codes: Codes) -> tuple[Sequence[int | None], Codes]:
    """The different codes, None for some that are none, and where among them each is.

    Codes near each other are not sorted for it: what lies between the least and the greatest has a place.
    """
    lowest, highest = (int(codes.min()), int(codes.max())) if len(codes) else (0, -1)
    if highest - lowest >= len(codes):
        distinct, found = np.unique(codes, return_inverse=True)
        return distinct.tolist(), found
    places = codes - lowest
    occurs = np.zeros(highest - lowest + 1, bool)
    occurs[places] = True
    return [lowest + at if some else None for at, some in enumerate(occurs.tolist())], places
