"""Building what makes a version fast from its Parquet file, when it is not there."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from xase_server.datasets.folder import CACHES, DATA, DATABASE, ROWS, SIZES, note_sizes, sync_all
from xase_server.datasets.rows import Rows
from xase_server.datasets.writer import Batches, Mapped
from xase_server.durable import sync
from xase_server.ports.datasets import VersionUnavailable
from xase_server.query.schema import Schema

BuildDatabase = Callable[[pa.RecordBatchReader, Path, Schema], None]
"""Write rows, in their order, as a new database file; raises VersionUnavailable."""

_BATCH_ROWS = 1 << 14


def build_database(folder: Path, schema: Schema, build: BuildDatabase) -> None:
    """Add the database to a folder that has the mapped rows; all caches are durable and noted on return."""
    database = folder / DATABASE
    build(Rows(folder / ROWS).reader(), database, schema)
    sync(database)
    note_sizes(folder)


def rebuild(folder: Path, workshop: Path, schema: Schema, build: BuildDatabase) -> None:
    """Build every cache of a version again, in an empty folder beside it; durable on return. Raises VersionUnavailable.

    Files that somebody has mapped are replaced, never written to.
    """
    try:
        _map_rows(folder / DATA, workshop)
        build_database(workshop, schema, build)
        sync_all(workshop, CACHES)
        for name in (*CACHES, SIZES):
            (workshop / name).replace(folder / name)
        sync(folder)
    except (OSError, pa.ArrowException) as error:
        raise VersionUnavailable(f"the version cannot be prepared for reading ({type(error).__name__})") from None


def _map_rows(data: Path, folder: Path) -> None:
    with pq.ParquetFile(data) as file:
        mapped, batches = Mapped(folder, file.schema_arrow), Batches()
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            for full in batches.add(batch):
                mapped.add(full)
        for full in batches.rest():
            mapped.add(full)
        mapped.close()
