"""One field of a version as codes: the distinct values, and for each record which of them it has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xase_server.datasets.types import Array

Codes = np.ndarray[Any, np.dtype[np.int64]] | np.ndarray[Any, np.dtype[np.int32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_BATCH_ROWS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Column:
    """`values` are distinct, null among them as the last where a record has none; `codes` are places in them."""

    values: Array
    codes: Codes

    @property
    def nulls(self) -> Flags:
        """Which records have no value."""
        absent: Flags = self.values.is_null().to_numpy(zero_copy_only=False)
        return absent[self.codes]

    def of(self, records: Flags) -> "Column":
        """The same values, of these records only."""
        return Column(self.values, self.codes[records])


def read_column(file: Path, path: str) -> Column:
    """The field at a path of members, null wherever something above it is. Takes four bytes for each record."""
    with pq.ParquetFile(file) as parquet:
        batches = parquet.iter_batches(_BATCH_ROWS, columns=[path])
        chunks: list[Array] = [_at(batch.column(0), path.split(".")[1:]) for batch in batches]
    if not chunks or pa.types.is_null(chunks[0].type):
        return Column(pa.nulls(1), np.zeros(sum(map(len, chunks)), np.int32))
    whole: Array = pa.chunked_array(chunks).unify_dictionaries()
    values: Array = whole.chunk(0).dictionary
    indices: Array = pa.chunked_array([chunk.indices for chunk in whole.chunks])
    codes = indices.fill_null(len(values)).to_numpy().astype(np.int32, copy=False)
    if indices.null_count:
        values = pa.concat_arrays([values, pa.nulls(1, values.type)])
    return Column(values, codes)


def _at(array: Array, steps: list[str]) -> Array:
    for name in steps:
        array = array.flatten()[array.type.get_field_index(name)]
    return array if pa.types.is_null(array.type) else array.dictionary_encode()
