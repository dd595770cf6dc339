"""What the columns of a version hold, in figures: for its holder only.

Lists are looked through; what counts is each element. Memory stays bounded: distinct values are estimated
from their smallest hashes, quantiles of very many values from every n-th of them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.ids import mixed, text_hashes
from xase_server.datasets.rows import Rows
from xase_server.datasets.types import Array
from xase_server.query.schema import Kind, ListOf, Scalar, Schema, Struct, Type

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_HASHES: Final = 1 << 12
_MOST_VALUES: Final = 1 << 21
_NUMBERS: Final = {Kind.INT, Kind.FLOAT, Kind.DATE}


def profile(rows: Rows, schema: Schema) -> dict[str, Any]:
    """`{rows, fields: {path: {type, nulls, distinct, min, max, quantiles}}}`, one path for each scalar."""
    fields = {path: _field(rows, path.split("."), type_) for path, type_ in _leaves(schema)}
    return {"rows": rows.count, "fields": fields}


def _leaves(type_: Type, path: str = "") -> Iterator[tuple[str, Scalar]]:
    if isinstance(type_, ListOf):
        yield from _leaves(type_.element, path)
    elif isinstance(type_, Struct):
        for name, member in type_.members:
            yield from _leaves(member, f"{path}.{name}" if path else name)
    else:
        yield path, type_


def _field(rows: Rows, steps: list[str], type_: Scalar) -> dict[str, Any]:
    nulls, count = 0, 0
    distinct, spread = _Distinct(), _Spread(max(1, rows.count // _MOST_VALUES))
    for batch in rows.batches():
        values = _values(batch.column(steps[0]), steps[1:])
        nulls += values.null_count
        present = values.drop_null()
        count += len(present)
        if type_.kind not in {Kind.JSON, Kind.NULL} and len(present):
            distinct.see(_hashes(present, type_.kind))
            if type_.kind in _NUMBERS:
                spread.see(present.cast(pa.int64()) if type_.kind is Kind.DATE else present)
    found: dict[str, Any] = {"type": type_.kind.value, "values": count, "nulls": nulls}
    if type_.kind is not Kind.JSON:
        found["distinct"] = min(count, distinct.estimate())
    return {**found, **spread.figures(_instant if type_.kind is Kind.DATE else None)}


def _values(array: Array, steps: list[str]) -> Array:
    while pa.types.is_list(array.type):
        array = array.flatten()
    return _values(pc.struct_field(array, steps[0]), steps[1:]) if steps else array


def _hashes(values: Array, kind: Kind) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    if kind is Kind.STRING:
        return text_hashes(values)
    if kind is Kind.DATE:
        values = values.cast(pa.int64())
    plain = values.to_numpy(zero_copy_only=False)
    if kind is Kind.BOOL:
        return mixed(plain.astype(np.uint64))
    return mixed((plain + 0.0 if kind is Kind.FLOAT else plain).view(np.uint64))  # -0.0 is 0.0


class _Distinct:
    """An estimate from the smallest hashes: exact while there are few values, within about two per cent then."""

    def __init__(self) -> None:
        self._smallest = np.zeros(0, np.uint64)

    def see(self, hashes: "np.ndarray[Any, np.dtype[np.uint64]]") -> None:
        if len(self._smallest) == _MOST_HASHES:
            hashes = hashes[hashes < self._smallest[-1]]
        self._smallest = np.unique(np.concatenate([self._smallest, hashes]))[:_MOST_HASHES]

    def estimate(self) -> int:
        if len(self._smallest) < _MOST_HASHES:
            return len(self._smallest)
        return round((_MOST_HASHES - 1) / (int(self._smallest[-1]) / 2**64))


class _Spread:
    """Least, greatest and quantiles; the latter from every n-th value."""

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self._sample: list[Any] = []
        self._least: Any = None
        self._greatest: Any = None

    def see(self, values: Array) -> None:
        ends = pc.min_max(values).as_py()
        self._least = ends["min"] if self._least is None else min(self._least, ends["min"])
        self._greatest = ends["max"] if self._greatest is None else max(self._greatest, ends["max"])
        self._sample.append(values.to_numpy(zero_copy_only=False)[:: self._stride])

    def figures(self, spoken: Any = None) -> Mapping[str, Any]:
        if not self._sample:
            return {}
        spoken = spoken or (lambda value: value)
        values = np.quantile(np.concatenate(self._sample), _QUANTILES, method="nearest").tolist()
        quantiles = {str(share): spoken(value) for share, value in zip(_QUANTILES, values, strict=True)}
        return {"min": spoken(self._least), "max": spoken(self._greatest), "quantiles": quantiles}


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
