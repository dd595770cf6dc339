"""Which of a column's different values each record has: numbered once, so that nobody has to compare them again.

Two files: `codes.bin`, four bytes a record, column after column; and `values.arrow`, one row in which each column
that is numbered has the list of its different values. They hold no value that the rows do not.

Columns of texts and of whole numbers that stand in no list, as those are that name people. A column is left out when
its values come fewer than REPEATED times on average, when there are more than MOST_VALUES of them, or
MOST_BYTES; and when the first batch has each value once, which is taken for a column of ids.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.folder import CODES, VALUES
from xase_server.datasets.rows import Rows
from xase_server.datasets.types import Array, DataType
from xase_server.ports.datasets import RECORD_ID
from xase_server.transforms.numbered import Numbered
from xase_server.transforms.places import at

REPEATED: Final = 4
MOST_VALUES: Final = 1 << 19
"""What transforms remember is a table of this length, of up to 64 bytes each: 32 MiB a column and session."""
MOST_BYTES: Final = 64 << 20

_CODE: Final = np.dtype("<i4")
_GROUP_BATCHES: Final = 16


class Codes:
    """The numbered columns of one version; safe for use from many threads. Raises OSError or pa.ArrowInvalid."""

    def __init__(self, folder: Path, rows: int) -> None:
        with pa.ipc.open_file(pa.memory_map(str(folder / VALUES))) as reader:
            batch: Any = reader.get_batch(0)
        count = batch.num_columns * rows
        codes = np.asarray(np.memmap(folder / CODES, _CODE, "r", shape=(count,))) if count else np.zeros(0, _CODE)
        self._columns = {
            path: Numbered(batch.column(place).values, codes[place * rows : (place + 1) * rows])
            for place, path in enumerate(batch.schema.names)
        }

    def numbered(self, path: str) -> Numbered | None:
        """The column at a dotted path, if it is numbered."""
        return self._columns.get(path)


def write(folder: Path, rows: Rows) -> None:
    """Write the two files beside the mapped rows; nothing is durable yet on return."""
    kept: dict[str, Array] = {}
    with (folder / CODES).open("wb") as stream:
        for path in _paths(rows.schema):
            begun = stream.tell()
            values = _write_column(rows, path, stream)
            if values is None:
                stream.seek(begun)
                stream.truncate()
            else:
                kept[".".join(path)] = values
    lists = [pa.ListArray.from_arrays([0, len(each)], each) for each in kept.values()]
    batch = pa.RecordBatch.from_arrays(lists, names=list(kept)) if kept else pa.RecordBatch.from_pylist([{}])
    with pa.ipc.new_file(str(folder / VALUES), batch.schema) as writer:
        writer.write_batch(batch)


def _paths(schema: pa.Schema) -> Iterator[tuple[str, ...]]:
    for field in schema:
        if field.name != RECORD_ID:
            yield from _below(field.type, (field.name,))


def _below(type_: DataType, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if pa.types.is_struct(type_):
        for field in type_.fields:
            yield from _below(field.type, (*path, field.name))
    elif pa.types.is_string(type_) or pa.types.is_int64(type_):
        yield path


def _write_column(rows: Rows, path: tuple[str, ...], stream: IO[bytes]) -> Array | None:
    """Write the codes of a column and give its different values; None when it is to be left out."""
    values: Array | None = None
    for group in _groups(rows, path):
        encoded = group.dictionary_encode(null_encoding="encode")
        own = encoded.chunk(0).dictionary
        if values is None and len(own) == len(group) < rows.count:
            return None
        values, renumbered = _joined(own.slice(0, 0) if values is None else values, own)
        if len(values) > MOST_VALUES or values.nbytes > MOST_BYTES:
            return None
        for chunk in encoded.chunks:
            stream.write(renumbered[chunk.indices.to_numpy()].data)
    return None if values is None or len(values) * REPEATED > rows.count else values


def _groups(rows: Rows, path: tuple[str, ...]) -> Iterator[Any]:
    """The column in pieces: the first batch, then as many as are worth looking at together and fit into memory."""
    waiting: list[Array] = []
    most = 1
    for batch in rows.batches():
        waiting.append(at(pa.Table.from_batches([batch]), path))
        if len(waiting) == most or sum(each.nbytes for each in waiting) > MOST_BYTES:
            yield pa.chunked_array(waiting)
            waiting, most = [], _GROUP_BATCHES
    if waiting:
        yield pa.chunked_array(waiting)


def _joined(known: Array, own: Array) -> tuple[Array, "np.ndarray[Any, np.dtype[np.int32]]"]:
    """The known values and behind them the new ones of `own`; and for each of `own` its place among them."""
    places = pc.index_in(own, value_set=known)
    new = places.is_null().to_numpy(zero_copy_only=False)
    renumbered = places.fill_null(0).to_numpy().astype(_CODE)
    renumbered[new] = np.arange(len(known), len(known) + int(new.sum()), dtype=_CODE)
    return pa.concat_arrays([known, own.filter(pa.array(new))]), renumbered
