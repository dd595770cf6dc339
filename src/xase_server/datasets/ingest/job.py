"""One conversion, from source to folder, as the converting process does it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from xase_server.datasets import names, types
from xase_server.datasets.bounds import Bounds
from xase_server.datasets.finish import finish
from xase_server.datasets.folder import DATA, read_found, read_schema
from xase_server.datasets.ingest import record_ids
from xase_server.datasets.ingest.arrow import ArrowReading
from xase_server.datasets.ingest.csv import CsvReading
from xase_server.datasets.ingest.ndjson import NdjsonReading
from xase_server.datasets.ingest.parquet import ParquetReading
from xase_server.datasets.ingest.reading import Reading, Report
from xase_server.datasets.ingest.record_ids import ColumnIds, PlaceIds
from xase_server.datasets.ingest.scrubbing import Scrubber
from xase_server.datasets.ingest.source import Source
from xase_server.datasets.union import appended, widened
from xase_server.datasets.writer import VersionWriter
from xase_server.ports.datasets import RECORD_ID, Format, Found, IngestProblem
from xase_server.query.schema import Schema, Type

_READINGS: Final[Mapping[Format, Callable[[Source, Bounds, Report], Reading]]] = {
    "parquet": ParquetReading,
    "arrow": ArrowReading,
    "ndjson": NdjsonReading,
    "csv": CsvReading,
}


class Job(Struct, frozen=True, kw_only=True, tag="convert"):
    """What to convert, and into which folder; `base` is the folder of the version that is appended to."""

    source: str
    folder: str
    dataset_id: str
    format: Format | None
    id_field: str | None
    base: str | None
    bounds: Bounds
    scrub: Mapping[str, tuple[str, ...]] = {}


class Base:
    """The version that rows are appended to."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / DATA
        self.found = read_found(folder)
        self.schema = read_schema(self.found)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Its rows."""
        with pq.ParquetFile(self._file) as file:
            yield from file.iter_batches(batch_size=1 << 14)


def run(job: Job, report: Report) -> Found:
    """Make the files of a version but for its database; they and their names are durable on return.

    Raises IngestProblem.
    """
    base = None if job.base is None else Base(Path(job.base))
    with Source(Path(job.source), job.bounds) as source:
        reading: Reading = _READINGS[job.format or source.format()](source, job.bounds, report)
        names.check(reading.schema, job.bounds)
        id_field = _id_field(job, reading.schema, base)
        schema = _joined(reading.schema, base, job.bounds)
        scrubber = Scrubber(job.scrub, schema, kept=id_field)
        writer = VersionWriter(Path(job.folder), types.arrow_schema(schema))
        if base is not None:
            scrub = scrubber.again(base.found.scrubbed)
            for batch in base.batches():
                writer.add(scrub(_as(batch, base.schema, schema)))
        _add(writer, reading, _ids(job, id_field, reading.schema), schema, scrubber)
        source.check_unchanged()
    return finish(Path(job.folder), writer, schema, id_field, scrubber.found())


def _id_field(job: Job, schema: Schema, base: Base | None) -> str | None:
    field = record_ids.choose(job.id_field, schema)
    if base is not None and base.found.id_field != field:
        raise IngestProblem("The ids of the version before came from another column, or from the place: keep to that")
    return field


def _ids(job: Job, field: str | None, schema: Schema) -> ColumnIds | PlaceIds:
    return PlaceIds(job.dataset_id) if field is None else ColumnIds(field, schema, job.bounds)


def _joined(schema: Schema, base: Base | None, bounds: Bounds) -> Schema:
    """The columns of the version, looked at once more: an id came to them, and perhaps columns of an older version."""
    own = record_ids.with_ids(schema)
    joined = own if base is None else appended(base.schema, own, _incompatible)
    names.check(joined, bounds)
    return joined


def _incompatible(path: str) -> Type:
    raise IngestProblem(f"Column '{path}' has another type than in the version before")


def _add(
    writer: VersionWriter, reading: Reading, ids: ColumnIds | PlaceIds, schema: Schema, scrubber: Scrubber
) -> None:
    own = record_ids.with_ids(reading.schema)
    others = [name for name, _ in own.members[1:]]
    for batch in reading.batches():
        columns = [ids.of(batch, writer.rows), *batch.select(others).columns]
        named = pa.RecordBatch.from_arrays(columns, names=[RECORD_ID, *others])
        writer.add(scrubber.scrubbed(_as(named, own, schema)))
    ids.check()


def _as(batch: pa.RecordBatch, old: Schema, new: Schema) -> pa.RecordBatch:
    """A batch with the columns of the version, whichever it came with."""
    if old == new:
        return pa.RecordBatch.from_arrays(batch.columns, schema=types.arrow_schema(new))
    whole = pa.StructArray.from_arrays(batch.columns, fields=list(types.arrow_schema(old)))
    return pa.RecordBatch.from_struct_array(widened(whole, old, new))
