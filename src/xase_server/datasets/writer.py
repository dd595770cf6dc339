"""Writes rows in their two forms, the Parquet file and the mapped file, with what is found by ids and codes.

Batches have 65,536 rows, row groups two batches; rows of many bytes fewer. So the files depend on the
rows alone, not on the pieces they came in: equal content gives equal bytes.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xase_server.datasets import codes, ids
from xase_server.datasets.folder import DATA, IDS, ROWS
from xase_server.datasets.rows import Rows
from xase_server.ports.datasets import RECORD_ID, Numbers

_BATCH_ROWS: Final = 1 << 16
_BATCH_BYTES: Final = 48 << 20
_GROUP_BATCHES: Final = 2


class Batches:
    """Cuts a stream of batches anew."""

    def __init__(self) -> None:
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The batches that are full now."""
        while batch.num_rows:
            piece = batch.slice(0, _BATCH_ROWS - self._rows)
            batch = batch.slice(piece.num_rows)
            self._waiting.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows == _BATCH_ROWS or self._bytes >= _BATCH_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """What waits, if anything does."""
        if self._waiting:
            yield pa.concat_batches(self._waiting)  # type: ignore[attr-defined]  # newer than its types
            self._waiting, self._rows, self._bytes = [], 0, 0


class ParquetFile:
    """The truth: zstd, two batches a row group. It is encoded on a thread of its own while the next rows are made."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._thread = ThreadPoolExecutor(1)
        self._group: list[pa.RecordBatch] = []
        self._running: Future[None] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch, sooner or later."""
        self._group.append(batch)
        if len(self._group) == _GROUP_BATCHES:
            self._write()

    def _write(self) -> None:
        self._wait()
        table, self._group = pa.Table.from_batches(self._group, self._schema), []
        self._running = self._thread.submit(self._writer.write_table, table, table.num_rows)

    def _wait(self) -> None:
        if self._running is not None:
            self._running.result()

    def close(self) -> None:
        """Write what is left and the footer."""
        if self._group:
            self._write()
        self._wait()
        self._thread.shutdown()
        self._writer.close()


class Mapped:
    """The mapped file, the index of ids and the codes; what can be built again from the Parquet file."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._writer = pa.ipc.new_file(str(folder / ROWS), schema)
        self._hashes: list[ids.Hashes] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Write a batch."""
        self._writer.write_batch(batch)
        self._hashes.append(ids.text_hashes(batch.column(RECORD_ID)))

    def close(self) -> Numbers:
        """Write the rest; gives the numbers of records whose ids may not be unique."""
        self._writer.close()
        codes.write(self._folder, Rows(self._folder / ROWS))
        return ids.write(self._folder / IDS, np.concatenate([np.zeros(0, np.uint64), *self._hashes]))


class VersionWriter:
    """Writes the files of a version into a folder; nothing is durable yet when it is closed."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._batches = Batches()
        self._parquet = ParquetFile(folder / DATA, schema)
        self._mapped = Mapped(folder, schema)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows at the end."""
        self.rows += batch.num_rows
        self._write(self._batches.add(batch))

    def _write(self, full: Iterator[pa.RecordBatch]) -> None:
        for batch in full:
            self._parquet.add(batch)
            self._mapped.add(batch)

    def close(self) -> Numbers:
        """Write the rest; gives the numbers of records whose ids may not be unique."""
        self._write(self._batches.rest())
        twins = self._mapped.close()
        self._parquet.close()
        return twins
