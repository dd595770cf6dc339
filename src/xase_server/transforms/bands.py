"""`generalize` and `bucketize`: wider values, as labels.

A band of whole numbers says its least and its greatest number (`55-59`); one of fractions where it begins
and what it stays below (`0.5-1`). With a negative end the dash is two dots. `90+` has no upper end, `<20`
no lower one.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from xase_server.delivery.nesting import Array
from xase_server.delivery.rows import in_milliseconds
from xase_server.query.schema import Kind
from xase_server.transforms.distinct import labelled, present
from xase_server.transforms.memo import Present
from xase_server.transforms.specs import Bucketize, Generalize, Number

_MONTHS: Final = 12
_QUARTER: Final = 3


def generalized(spec: Generalize, kind: Kind) -> Callable[[Array], Array]:
    """The change for values of this kind."""
    if kind is Kind.DATE:
        return _part_of_dates(str(spec.part))
    if kind is Kind.STRING:
        length = int(spec.prefix) if spec.prefix is not UNSET else 0
        return lambda array: pc.utf8_slice_codeunits(array, 0, length)
    return _Bands(spec, whole=kind is Kind.INT)


def _part_of_dates(part: str) -> Callable[[Array], Array]:
    step = {"month": 1, "quarter": _QUARTER, "year": _MONTHS}[part]

    def label(code: int) -> str:
        year, month = divmod(code * step, _MONTHS)
        return {"month": f"{year:04d}-{month + 1:02d}", "quarter": f"{year:04d}-Q{month // _QUARTER + 1}"}.get(
            part, f"{year:04d}"
        )

    def change(array: Array) -> Array:
        dates = in_milliseconds(array)
        months = _filled(pc.year(dates)) * _MONTHS + _filled(pc.month(dates)) - 1
        return labelled(months // step, present(array), label)

    return change


class _Bands:
    """Numbers to bands of one width, the outermost ones open where `top` and `bottom` say so."""

    def __init__(self, spec: Generalize, *, whole: bool) -> None:
        assert spec.width is not UNSET, "checked at load"
        self._width, self._whole = spec.width, whole
        self._top, self._bottom = spec.top, spec.bottom
        self._last = None if spec.top is UNSET else int(spec.top // spec.width)
        self._first = None if spec.bottom is UNSET else int(spec.bottom // spec.width) - 1

    def __call__(self, array: Array) -> Array:
        """The bands of the numbers; what is no number is null."""
        bands, there = self._bands(array), present(array)
        if self._first is not None or self._last is not None:
            bands = np.clip(bands, self._first, self._last)
        if not self._whole:
            finite = np.isfinite(bands) & (np.abs(bands) < 1 << 62)
            there, bands = _both(there, finite), np.where(finite, bands, 0)
        return labelled(bands.astype(np.int64, copy=False), there, self._label)

    def _bands(self, array: Array) -> Any:
        if self._whole:
            return np.floor_divide(_filled(array), self._width)
        return np.floor(_filled(array.cast(pa.float64())) / self._width)

    def _label(self, band: int) -> str:
        if band == self._last:
            return f"{_text(self._top)}+"
        if band == self._first:
            return f"<{_text(self._bottom)}"
        lower = band * self._width
        return span(lower, lower + self._width, whole=self._whole)


def bucketized(spec: Bucketize, kind: Kind) -> Callable[[Array], Array]:
    """The change for numbers of this kind."""
    whole = kind is Kind.INT
    labels = spec.labels or _labels(spec.edges, whole=whole)
    edges = np.array(spec.edges, np.int64 if whole else np.float64)

    def change(array: Array) -> Array:
        numbers = _filled(array) if whole else _filled(array.cast(pa.float64()))
        there = present(array) if whole else _both(present(array), ~np.isnan(numbers))
        return labelled(np.searchsorted(edges, numbers, "right"), there, labels.__getitem__)

    return change


def _labels(edges: list[Number], *, whole: bool) -> list[str]:
    between = (span(lower, upper, whole=whole) for lower, upper in pairwise(edges))
    return [f"<{_text(edges[0])}", *between, f"{_text(edges[-1])}+"]


def span(lower: Number, upper: Number, *, whole: bool) -> str:
    """A band as text: from `lower` to before `upper`."""
    last = upper - 1 if whole else upper
    if whole and last == lower:
        return _text(lower)
    return f"{_text(lower)}{'-' if lower >= 0 else '..'}{_text(last)}"


def _text(number: Any) -> str:
    return str(number) if isinstance(number, int) else f"{number:.12g}"


def _both(there: Present, also: "np.ndarray[Any, np.dtype[np.bool_]]") -> Present:
    """Where there is a value, and the other holds, too."""
    both = also if there is None else there & also
    return None if both.all() else both


def _filled(array: Array) -> Any:
    """The values as numpy, with zeros for nulls."""
    return array.fill_null(0).to_numpy(zero_copy_only=False)
