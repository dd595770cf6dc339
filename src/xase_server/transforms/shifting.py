"""`date_shift` and `noise`: values moved by an amount that their holder's key decides.

Both are the same in every session on a dataset. Were they drawn anew each time, the mean over a few
sessions would be the true value.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.nesting import Array
from xase_server.delivery.rows import MILLISECONDS, in_milliseconds
from xase_server.query.schema import Kind
from xase_server.transforms.distinct import by_number, texts
from xase_server.transforms.draws import Draws
from xase_server.transforms.hashing import digests
from xase_server.transforms.memo import Memo, Memory, Results
from xase_server.transforms.places import Places, at
from xase_server.transforms.specs import DateShift, Noise

Change = Callable[[Array, Places], Array]

_DAY_MS: Final = 86_400_000
_WORD: Final = 8


def shifted(spec: DateShift, key: bytes, memory: Memory) -> Change:
    """Moves dates by the days of their row's subject."""
    subject = tuple(spec.subject.split("."))

    def made(values: Array) -> Results:
        return days_of(_words(key, values), spec.max_days) * _DAY_MS

    memo = Memo(made, memory, ("date_shift", key, spec.max_days), "i8")

    def change(array: Array, places: Places) -> Array:
        coded = places.codes(spec.subject)
        moved = by_number(memo.of_coded(coded) if coded else memo.of(at(places.table, subject)))
        return pc.add(in_milliseconds(array).cast(pa.int64()), places.spread(moved)).cast(MILLISECONDS)

    return change


def _words(key: bytes, values: Array) -> Results:
    """The first 64 bits of the HMAC of each value's text."""
    return np.frombuffer(b"".join(each[:_WORD] for each in digests(key, texts(values))), ">u8").astype(np.uint64)


def days_of(words: Results, max_days: int) -> Results:
    """Days of subjects, of -max_days to -1 and 1 to max_days: their 64 bits modulo how many there are."""
    places = (words % np.uint64(2 * max_days)).astype(np.int64)
    return np.where(places < max_days, places - max_days, places - max_days + 1)


def noised(spec: Noise, kind: Kind, key: bytes, memory: Memory) -> Change:
    """Adds to each number a share of noise that its record's number and its place in the record decide."""
    draws = Draws(key, memory)

    def change(array: Array, places: Places) -> Array:
        added = draws.of(places) * spec.scale
        if kind is Kind.INT:
            return pc.add(array, pa.array(np.rint(added).astype(np.int64)))
        return pc.add(array.cast(pa.float64()), pa.array(added))

    return change
