"""Where the id of each record comes from: a column, or the record's place."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.bounds import Bounds
from xase_server.datasets.ids import mixed
from xase_server.datasets.types import Array
from xase_server.ports.datasets import RECORD_ID, IngestProblem
from xase_server.query.schema import INT, NULL, STRING, Schema, Struct, Type, resolve

_PREFIX: Final = np.frombuffer(b"rec_", np.uint8)
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_SHOWN: Final = 5


class ColumnIds:
    """The ids are the text of one column: strings, or integers without decoration.

    Raises IngestProblem when the schema has no such column, or none whose values can be ids.
    """

    def __init__(self, field: str, schema: Schema, bounds: Bounds) -> None:
        self._path = field.split(".")
        self._bounds = bounds
        self._missing: list[int] = []
        self._nulls = 0
        type_ = resolve(schema, tuple(self._path), in_filter=False)
        if type_ is None:
            raise IngestProblem(f"The data has no column '{field}' to take the ids from")
        if type_ not in (STRING, INT, NULL):
            raise IngestProblem(f"The ids in '{field}' must be strings or integers, not {_spoken(type_)}")

    def of(self, batch: pa.RecordBatch, start: int) -> Array:
        """The ids of a batch whose first record has this number."""
        array = batch.column(self._path[0])
        for name in self._path[1:]:
            array = pc.struct_field(array, name)
        texts = array.cast(pa.string())
        absent = pc.fill_null(pc.equal(texts, ""), True)
        missing = np.flatnonzero(absent.to_numpy(zero_copy_only=False))
        self._nulls += len(missing)
        self._missing += (missing[:_SHOWN] + start + 1).tolist()
        self._check_length(texts, start)
        return pc.fill_null(texts, "")

    def _check_length(self, texts: Array, start: int) -> None:
        long = pc.greater(pc.binary_length(texts), self._bounds.id_bytes)
        if pc.any(long).as_py():
            place = start + 1 + pc.index(long, True).as_py()
            raise IngestProblem(f"The id of record {place:,} is longer than {self._bounds.id_bytes} bytes")

    def check(self) -> None:
        """Raise IngestProblem when records had no id."""
        if self._nulls:
            raise IngestProblem(f"{self._nulls:,} records have no id; the first: {places(self._missing)}")


class PlaceIds:
    """`rec_` and 16 hex digits: a permutation of all places, another one for each dataset. No two are alike."""

    def __init__(self, dataset_id: str) -> None:
        encoded = dataset_id.encode()
        key = np.zeros(1, np.uint64)
        for word in np.frombuffer(encoded.ljust(-(-len(encoded) // 8) * 8, b"\0"), "<u8"):
            key = mixed(key ^ word)
        self._key = key

    def of(self, batch: pa.RecordBatch, start: int) -> Array:
        """The ids of a batch whose first record has this number."""
        count = batch.num_rows
        values = mixed(mixed(np.arange(start, start + count, dtype=np.uint64) ^ self._key))
        octets = values.astype(">u8").view(np.uint8).reshape(count, 8)
        text = np.empty((count, 20), np.uint8)
        text[:, :4] = _PREFIX
        text[:, 4::2] = _HEX[octets >> 4]
        text[:, 5::2] = _HEX[octets & 15]
        offsets = np.arange(count + 1, dtype=np.int32) * 20
        return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets.data), pa.py_buffer(text.data)])

    def check(self) -> None:
        """Every place has an id."""


Source = ColumnIds | PlaceIds


def choose(field: str | None, schema: Schema) -> str | None:
    """The column that gives the ids, or None; raises IngestProblem for two that would."""
    own = schema.member(RECORD_ID) is not None
    if own and field not in (None, RECORD_ID):
        raise IngestProblem(f"The data has a column '{RECORD_ID}', but the ids are to come from '{field}': rename one")
    return RECORD_ID if own else field


def with_ids(schema: Schema) -> Schema:
    """The columns of the version: the id first, then all others."""
    return Struct(((RECORD_ID, STRING), *without_ids(schema).members))


def without_ids(schema: Schema) -> Schema:
    """The columns but the id."""
    return Struct(tuple((name, type_) for name, type_ in schema.members if name != RECORD_ID))


def check_unique(ids: Array, numbers: Sequence[int]) -> None:
    """Raise IngestProblem when two of these ids, of the records with these numbers, are alike."""
    encoded = ids.dictionary_encode()
    codes = encoded.indices.to_numpy()
    counts = np.bincount(codes, minlength=len(encoded.dictionary))
    double = np.flatnonzero(counts[codes] > 1)
    if len(double):
        first = [numbers[at] + 1 for at in double[:_SHOWN].tolist()]
        raise IngestProblem(f"{len(double):,} records share their id with another one; the first: {places(first)}")


def places(numbers: Sequence[int]) -> str:
    """Records' places, counted from 1, in a message."""
    return ", ".join(f"record {number:,}" for number in numbers[:_SHOWN])


def _spoken(type_: Type) -> str:
    return {"ListOf": "lists", "Struct": "objects"}.get(type(type_).__name__) or f"{type_.kind.value} values"  # type: ignore[union-attr]
