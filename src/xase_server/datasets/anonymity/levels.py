"""How a field can be made less telling, step by step, by what a policy's transforms do.

Numbers become bands whose width doubles, dates months, quarters and years, codes their first characters; the
last step of all shows nothing. Each step is a union of groups of the step before, so that whatever holds for a
step holds for all above it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.anonymity.columns import Codes
from xase_server.datasets.types import Array
from xase_server.query.schema import Kind, Scalar, Schema, Struct
from xase_server.transforms.compiled import Transforms, compile_transforms
from xase_server.transforms.keys import Keys

Wish = Mapping[str, Any]
"""A transform as a policy writes it."""

NOTHING: Final[Wish] = {"op": "redact"}

_PARTS: Final = ("month", "quarter", "year")
_BANDS: Final = 5
_BANDS_WITHIN: Final = 16
_TAILS: Final = (0.01, 0.99)
_WIDEST: Final = 1e15
_LONGEST_CODE: Final = 32
_PREFIXES: Final = 4
_DAY: Final = r"^\d{4}-\d\d-\d\d"
_CODE: Final = r"^\S*\d\S*$"
_OF_DAYS: Final = (10, 7, 4, 3)


@dataclass(frozen=True, slots=True)
class Level:
    """One step: what is done to values (None: nothing), and the group of each distinct value.

    `loss` is, for each distinct value, the share of all others that it can no longer be told from.
    """

    wish: Wish | None
    groups: Codes
    count: int
    loss: "np.ndarray[Any, np.dtype[np.float64]]"


def changes(wishes: Mapping[str, Wish], schema: Schema) -> Transforms:
    """The transforms, by path, of this schema. None of them needs a key."""
    return compile_transforms(wishes, schema, Keys(b"", "", "", ""))


def levels(values: Array, kind: Kind, weights: Codes) -> tuple[Level, ...]:
    """The steps for a field of this kind with these distinct values, each of which so many records have."""
    found = [_level(None, np.arange(len(values)))]
    for wish in (*_wider(values, kind, weights), NOTHING):
        step = _level(wish, _groups(values, kind, wish))
        if step.count < found[-1].count:
            found.append(step)
    return tuple(found)


def _level(wish: Wish | None, groups: Codes) -> Level:
    sizes = np.bincount(groups)
    return Level(wish, groups, len(sizes), (sizes[groups] - 1) / max(1, len(groups) - 1))


def _groups(values: Array, kind: Kind, wish: Wish) -> Codes:
    schema = Struct((("value", Scalar(kind)),))
    after = changes({"value": wish}, schema).apply(pa.table({"value": values}), np.arange(len(values)))
    labels = after.column(0).combine_chunks()
    if pa.types.is_null(labels.type):
        return np.zeros(len(labels), np.int64)
    encoded: Array = labels.dictionary_encode(null_encoding="encode")
    groups: Codes = encoded.indices.to_numpy().astype(np.int64)
    return groups


def _wider(values: Array, kind: Kind, weights: Codes) -> Iterator[Wish]:
    present = values.is_valid().to_numpy(zero_copy_only=False)
    values, weights = values.drop_null(), weights[: len(present)][present]
    if not len(values):
        return
    if kind in {Kind.INT, Kind.FLOAT}:
        yield from ({"op": "generalize", "width": width} for width in _widths(values, weights, whole=kind is Kind.INT))
    elif kind is Kind.DATE:
        yield from ({"op": "generalize", "part": part} for part in _PARTS)
    elif kind is Kind.STRING:
        yield from ({"op": "generalize", "prefix": prefix} for prefix in _lengths(values))


def _widths(values: Array, weights: Codes, *, whole: bool) -> Iterator[int | float]:
    """Some sixteenth of where nearly all values lie, as a round number, and its doubles."""
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    order = np.argsort(numbers, kind="stable")
    share = np.cumsum(weights[order]) / max(1, weights.sum())
    low, high = (numbers[order][min(np.searchsorted(share, tail), len(numbers) - 1)] for tail in _TAILS)
    spread = high - low or numbers.max() - numbers.min()
    if not 0 < spread < _WIDEST:
        return
    width = _round_width(spread / _BANDS_WITHIN)
    first = max(2, int(width)) if whole else width
    yield from (first * 2**step for step in range(_BANDS))


def _round_width(least: float) -> float:
    """The smallest of 1, 2, 5, 10, … that is not less."""
    exponent = int(np.floor(np.log10(least)))
    return next(width for digit in (1, 2, 5, 10, 20) if (width := float(f"{digit}e{exponent}")) >= least)


def _lengths(values: Array) -> Iterator[int]:
    """How many first characters codes keep; none of what is no code, since the beginning of a word means nothing."""
    if _all(pc.match_substring_regex(values, _DAY)):
        yield from _OF_DAYS
        return
    longest = pc.max(pc.utf8_length(values)).as_py()
    if longest <= _LONGEST_CODE and _all(pc.match_substring_regex(values, _CODE)):
        yield from sorted({round(each) for each in np.linspace(1, longest - 1, _PREFIXES)} - {0}, reverse=True)


def _all(flags: Array) -> bool:
    return bool(pc.all(flags).as_py())
