"""Work done once for each different value of a column, however many rows have it."""

import unicodedata
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array, buffer, validity
from xase_server.delivery.rows import in_milliseconds
from xase_server.transforms.memo import Memo

_DATE_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

Codes = np.ndarray[Any, np.dtype[np.int64]]


def by_text(array: Array, memo: Memo) -> Array:
    """Each value replaced by the text that the memo has for it; null stays null."""
    made, places = memo.of(array)
    return pa.array(made, pa.string()).take(places)


def by_text_of_one_width(array: Array, memo: Memo) -> Array:
    """`by_text` for ASCII of one length, which is copied without asking where each text begins."""
    made, places = memo.of(array)
    found = made.take(places.drop_null().to_numpy())
    present = places.is_valid().to_numpy(zero_copy_only=False)
    ends = np.cumsum(present, dtype=np.int32) if places.null_count else np.arange(1, len(array) + 1, dtype=np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), ends]) * np.int32(made.dtype.itemsize)
    return pa.StringArray.from_buffers(len(array), buffer(offsets), buffer(found), validity(places))


def texts(values: Array) -> list[str]:
    """Values without nulls as the one text that stands for each: NFC, decimal digits, ISO 8601 in UTC."""
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        values = pc.strftime(in_milliseconds(values), format=_DATE_FORMAT)
    values = values.cast(pa.string())
    found: list[str] = values.to_pylist()
    if pc.all(pc.string_is_ascii(values)).as_py():
        return found
    return [text if text.isascii() else unicodedata.normalize("NFC", text) for text in found]


def labelled(codes: Codes, present: Array, label: Callable[[int], str]) -> Array:
    """The label of each code, null where nothing is present."""
    distinct, places = np.unique(codes, return_inverse=True)
    absent = ~present.to_numpy(zero_copy_only=False)
    return pa.array([label(int(code)) for code in distinct], pa.string()).take(pa.array(places, mask=absent))
