"""The rows of a version: an Arrow IPC file, mapped into memory; what is not asked for is never read."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from xase_server.ports.datasets import Numbers

_FEW_EACH: Final = 16
"""A row cut out takes 4 µs, a batch that is asked for some rows 70."""


class Rows:
    """One opened file; safe for use from many threads. Raises OSError or pa.ArrowInvalid when it cannot be read."""

    def __init__(self, path: Path) -> None:
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            self.schema: pa.Schema = reader.schema
            self._batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
        self._ends = list(accumulate(batch.num_rows for batch in self._batches))
        self._bounds = np.array(self._ends, np.int64)
        self.count = self._ends[-1] if self._ends else 0

    def slice(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows `start` to `stop` - 1, without copying."""
        start, stop = max(start, 0), min(stop, self.count)
        parts = []
        at = bisect_right(self._ends, start)
        while start < stop:
            batch = self._batches[at]
            first = self._ends[at] - batch.num_rows
            end = min(stop, self._ends[at])
            parts.append(_selected(batch.slice(start - first, end - start), columns))
            start, at = end, at + 1
        return pa.Table.from_batches(parts, self._schema(columns))

    def take(self, numbers: Numbers, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows with these numbers, in this order. Raises IndexError for a number that no row has.

        Each batch is asked once, since a take over a whole chunked column would first copy that; and where few
        rows of each are wanted, they are cut out one by one.
        """
        if not len(numbers):
            return self._schema(columns).empty_table()
        if numbers.min() < 0 or numbers.max() >= self.count:
            raise IndexError("no row has this number")
        where = np.searchsorted(self._bounds, numbers, "right")
        if len(numbers) < _FEW_EACH * len(set(where.tolist())):
            return pa.Table.from_batches([self._cut(numbers, where, columns)], self._schema(columns))
        order = None if np.all(where[1:] >= where[:-1]) else np.argsort(where, kind="stable")
        grouped = numbers if order is None else numbers[order]
        table = pa.Table.from_batches(list(self._taken(grouped, columns)), self._schema(columns))
        if order is None:
            return table
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return table.combine_chunks().take(pa.array(back))

    def _cut(self, numbers: Numbers, where: Numbers, columns: Sequence[str] | None) -> pa.RecordBatch:
        """The rows one by one, each from the batch where it is."""
        batches = {at: _selected(self._batches[at], columns) for at in set(where.tolist())}
        starts = {at: self._ends[at] - batch.num_rows for at, batch in batches.items()}
        rows = zip(numbers.tolist(), where.tolist(), strict=True)
        joined: pa.RecordBatch = pa.concat_batches([batches[at].slice(number - starts[at], 1) for number, at in rows])  # type: ignore[attr-defined]  # newer than its types
        return joined

    def _taken(self, grouped: Numbers, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """The rows of each batch in turn; the numbers of one batch stand together."""
        where = np.searchsorted(self._bounds, grouped, "right")
        cuts = np.flatnonzero(np.diff(where)) + 1
        starts = [0, *cuts.tolist(), len(grouped)]
        for start, stop in pairwise(starts):
            at = int(where[start])
            batch = _selected(self._batches[at], columns)
            yield batch.take(pa.array(grouped[start:stop] - (self._ends[at] - batch.num_rows)))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in pieces."""
        return iter(self._batches)

    def reader(self) -> pa.RecordBatchReader:
        """All rows as a stream."""
        return pa.RecordBatchReader.from_batches(self.schema, self._batches)

    def _schema(self, columns: Sequence[str] | None) -> pa.Schema:
        return self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])


def _selected(batch: pa.RecordBatch, columns: Sequence[str] | None) -> pa.RecordBatch:
    return batch if columns is None else batch.select(list(columns))
