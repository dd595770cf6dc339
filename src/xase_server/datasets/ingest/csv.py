"""CSV (RFC 4180) with a header. The text is read once, into a spool of string columns, and then has its types."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.bounds import Bounds
from xase_server.datasets.ingest.guess import Guess
from xase_server.datasets.ingest.lines import line_blocks
from xase_server.datasets.ingest.reading import Report
from xase_server.datasets.ingest.source import Source
from xase_server.datasets.types import Array, arrow_type
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import NULL, Struct, Type

_CELLS: Final = 1 << 18
_MOST_ROWS: Final = 1 << 14


class CsvReading:
    """See `Reading`."""

    def __init__(self, source: Source, bounds: Bounds, report: Report) -> None:
        self._source, self._bounds, self._report = source, bounds, report
        csv.field_size_limit(bounds.line_bytes)
        self._reader = csv.reader(self._lines(), strict=True)
        self._header = next(self._rows(), [])
        _check_header(self._header, bounds)
        self._guesses = [Guess() for _ in self._header]
        self._spool = source.temporary()
        self._spooled()
        self.schema = Struct(tuple((n, guess.type) for n, guess in zip(self._header, self._guesses, strict=True)))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See `Reading.batches`."""
        self._spool.seek(0)
        rows = 0
        with pa.ipc.open_stream(self._spool) as texts:
            for batch in texts:
                arrays = [
                    _typed(array, type_) for array, (_, type_) in zip(batch.columns, self.schema.members, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=self._header)
                rows += batch.num_rows
                self._report(rows, self._source.size)

    def _spooled(self) -> None:
        """Every row in the spool, as text, and the guesses fed with them."""
        schema = pa.schema([(str(place), pa.string()) for place in range(len(self._header))])
        at_once = max(1, min(_MOST_ROWS, _CELLS // len(self._header)))
        rows, content = 0, self._full_rows()
        with pa.ipc.new_stream(self._spool, schema) as spool:
            while piece := list(islice(content, at_once)):
                arrays = [pa.array(texts, pa.string()) for texts in zip(*piece, strict=True)]
                for guess, array in zip(self._guesses, arrays, strict=True):
                    guess.see(array)
                spool.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                rows += len(piece)
                self._bounds.check_rows(rows)
                self._report(rows, self._source.stream.tell())

    def _full_rows(self) -> Iterator[list[str]]:
        width = len(self._header)
        for row in self._rows():
            if len(row) != width:
                raise IngestProblem(f"Line {self._reader.line_num:,} has {len(row):,} fields, the header {width:,}")
            yield row

    def _rows(self) -> Iterator[list[str]]:
        """The rows that are not blank; raises IngestProblem for quoting that RFC 4180 does not have."""
        try:
            for row in self._reader:
                if row:
                    yield row
        except csv.Error:
            raise IngestProblem(
                f"Line {self._reader.line_num:,}: a quoted field is not closed, is longer than "
                f"{self._bounds.line_bytes:,} characters, or is followed by more text"
            ) from None

    def _lines(self) -> Iterator[str]:
        for number, block in line_blocks(self._source, self._bounds):
            try:
                text = block.decode()
            except UnicodeDecodeError as error:
                bad = number + block.count(b"\n", 0, error.start)
                raise IngestProblem(f"Line {bad:,} is not UTF-8") from None
            yield from io.StringIO(text, newline="\n")


def _typed(texts: Array, type_: Type) -> Array:
    """The values of texts that all fit the type; an empty text is null."""
    if type_ == NULL:
        return pa.nulls(len(texts))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts).cast(arrow_type(type_))


def _check_header(header: list[str], bounds: Bounds) -> None:
    if not header:
        raise IngestProblem("The file has no header line")
    bounds.check_columns(len(header))
    seen: dict[str, int] = {}
    for place, name in enumerate(header, 1):
        if not name:
            raise IngestProblem(f"The header names no column {place}")
        if seen.setdefault(name, place) != place:
            raise IngestProblem(f"Columns {seen[name]} and {place} of the header have the same name")
