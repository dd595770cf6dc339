"""Parquet: the footer is judged before anything it claims is asked for, then rows come page by page."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from xase_server.datasets.bounds import Bounds, too_large
from xase_server.datasets.ingest.normal import columns, normal_batch
from xase_server.datasets.ingest.reading import Report, sound
from xase_server.datasets.ingest.source import Source
from xase_server.ports.datasets import IngestProblem

_TAIL = 8
_MAGIC = b"PAR1"
_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 32 << 20


class ParquetReading:
    """See `Reading`."""

    def __init__(self, source: Source, bounds: Bounds, report: Report) -> None:
        _check_footer(source, bounds)
        self._size, self._report = source.size, report
        with sound("Parquet file"):
            self._file = pq.ParquetFile(
                source.stream,
                coerce_int96_timestamp_unit="ms",  # nanoseconds would wrap around outside the years 1677 to 2262
                thrift_string_size_limit=bounds.footer_bytes,
                thrift_container_size_limit=bounds.columns * 100,
            )
            _check_claims(self._file.metadata, source.size, bounds)
            self.schema = columns(self._file.schema_arrow)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Reading.batches`."""
        rows, total = 0, self._file.metadata.num_rows
        with sound("Parquet file"):
            for batch in self._file.iter_batches(batch_size=self._batch_rows()):
                batch.validate(full=True)
                yield normal_batch(batch, self.schema)
                rows += batch.num_rows
                self._report(rows, self._size * rows // max(total, 1))
        if rows != total:
            raise _damaged()

    def _batch_rows(self) -> int:
        """So many rows that a batch stays below its bytes, by what the footer says of the average row."""
        metadata = self._file.metadata
        total = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
        average = max(1, total // max(metadata.num_rows, 1))
        return max(64, min(_BATCH_ROWS, _BATCH_BYTES // average))


def _damaged() -> IngestProblem:
    return IngestProblem("The Parquet file is damaged, or uses what is not supported")


def _check_footer(source: Source, bounds: Bounds) -> None:
    if source.size < _TAIL + len(_MAGIC):
        raise _damaged()
    source.stream.seek(-_TAIL, 2)
    tail = source.stream.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > source.size - _TAIL:
        raise _damaged()
    if length > bounds.footer_bytes:
        raise too_large(f"The Parquet footer has {length:,} bytes; at most {bounds.footer_bytes:,} are read")
    source.stream.seek(0)


def _check_claims(metadata: pq.FileMetaData, size: int, bounds: Bounds) -> None:
    bounds.check_columns(metadata.num_columns)
    bounds.check_claim(metadata.num_rows, size)
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != metadata.num_rows or any(group.num_rows < 0 for group in groups):
        raise _damaged()
    claimed = sum(max(group.total_byte_size, 0) for group in groups)
    if claimed > bounds.written_bytes:
        raise too_large(f"The file claims {claimed:,} bytes of values; at most {bounds.written_bytes:,} are written")
