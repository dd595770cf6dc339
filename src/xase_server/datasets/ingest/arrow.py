"""Arrow IPC, as a file or as a stream: read batch by batch, each checked whole before it is believed."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from xase_server.datasets.bounds import Bounds
from xase_server.datasets.ingest.normal import columns, normal_batch
from xase_server.datasets.ingest.reading import Report, sound
from xase_server.datasets.ingest.source import Source

_FILE_MAGIC = b"ARROW1"


class ArrowReading:
    """See `Reading`."""

    def __init__(self, source: Source, bounds: Bounds, report: Report) -> None:
        self._source, self._bounds, self._report = source, bounds, report
        is_file = source.stream.read(len(_FILE_MAGIC)) == _FILE_MAGIC
        source.stream.seek(0)
        with sound("Arrow data"):
            raw: Any = source.stream
            self._reader = pa.ipc.open_file(raw) if is_file else pa.ipc.open_stream(raw)
            bounds.check_columns(len(self._reader.schema))
            self.schema = columns(self._reader.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Reading.batches`."""
        rows = 0
        with sound("Arrow data"):
            for batch in self._read():
                self._bounds.check_claim(rows + batch.num_rows, self._source.size)
                batch.validate(full=True)
                yield normal_batch(batch, self.schema)
                rows += batch.num_rows
                self._report(rows, self._source.stream.tell())

    def _read(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self._reader, pa.ipc.RecordBatchFileReader):
            for number in range(self._reader.num_record_batches):
                yield self._reader.get_batch(number)
        else:
            yield from self._reader
