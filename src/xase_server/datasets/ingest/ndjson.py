"""NDJSON, read twice: once to learn every column's type from the whole file, once for the rows."""

from collections.abc import Iterator

import pyarrow as pa

from xase_server.datasets import names
from xase_server.datasets.bounds import Bounds, too_large
from xase_server.datasets.ingest.inference import inferred
from xase_server.datasets.ingest.lines import line_blocks
from xase_server.datasets.ingest.objects import objects
from xase_server.datasets.ingest.reading import Report
from xase_server.datasets.ingest.shape import batch_of
from xase_server.datasets.ingest.source import Source
from xase_server.datasets.union import settled, union
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import Schema, Struct


class NdjsonReading:
    """See `Reading`."""

    def __init__(self, source: Source, bounds: Bounds, report: Report) -> None:
        self._source, self._bounds, self._report = source, bounds, report
        self.schema = self._inferred()

    def _inferred(self) -> Schema:
        found = Struct(())
        rows = 0
        for number, block in line_blocks(self._source, self._bounds):
            records = list(objects(number, block, strict=True))
            if records:
                self._check_names(number, records)
                found = union([found, inferred(records)])  # type: ignore[assignment]  # of structs, a struct
                names.check(found, self._bounds)
            rows += len(records)
            self._bounds.check_rows(rows)
            self._report(0, self._source.stream.tell() // 2)
        if not rows:
            raise IngestProblem("The file holds no records")
        return settled(found)  # type: ignore[return-value]  # it has a member, or is refused below

    def _check_names(self, number: int, records: list[dict[str, object]]) -> None:
        """A thousand names a record, other ones in each, would be a table of a thousand millions of nulls."""
        together = len(set().union(*records))
        if together > self._bounds.columns:
            raise too_large(
                f"There are more than {self._bounds.columns:,} columns up to line {number + len(records):,}"
            )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Reading.batches`."""
        rows = 0
        for number, block in line_blocks(self._source, self._bounds):
            records = list(objects(number, block, strict=False))
            if records:
                yield batch_of(records, self.schema)
            rows += len(records)
            self._report(rows, (self._source.size + self._source.stream.tell()) // 2)
