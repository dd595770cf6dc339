"""Work done once for each different value of a column, however many rows have it."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array
from xase_server.delivery.rows import in_milliseconds

_DATE_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

Codes = np.ndarray[Any, np.dtype[np.int64]]


def by_text(array: Array, change: Callable[[Sequence[str]], Sequence[str]]) -> Array:
    """Each value replaced by what `change` makes of its text; null stays null."""
    encoded = array.dictionary_encode()
    return pa.array(change(texts(encoded.dictionary)), pa.string()).take(encoded.indices)


def texts(values: Array) -> list[str]:
    """Values without nulls as the one text that stands for each: NFC, decimal digits, ISO 8601 in UTC."""
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        values = pc.strftime(in_milliseconds(values), format=_DATE_FORMAT)
    found = values.cast(pa.string()).to_pylist()
    return [text if text.isascii() else unicodedata.normalize("NFC", text) for text in found]


def labelled(codes: Codes, present: Array, label: Callable[[int], str]) -> Array:
    """The label of each code, null where nothing is present."""
    distinct, places = np.unique(codes, return_inverse=True)
    absent = ~present.to_numpy(zero_copy_only=False)
    return pa.array([label(int(code)) for code in distinct], pa.string()).take(pa.array(places, mask=absent))
