"""The end of making a version: its files closed, judged and durable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from xase_server.datasets import types
from xase_server.datasets.digest import file_digest
from xase_server.datasets.folder import CODES, DATA, FOUND, IDS, ROWS, VALUES, sync_all, write_json
from xase_server.datasets.ingest import record_ids
from xase_server.datasets.rows import Rows
from xase_server.datasets.writer import VersionWriter
from xase_server.ports.datasets import RECORD_ID, Found, Numbers
from xase_server.query.schema import Schema

_NOTHING: Final[Mapping[str, Mapping[str, Any]]] = {}


def finish(
    folder: Path,
    writer: VersionWriter,
    schema: Schema,
    id_field: str | None,
    scrubbed: Mapping[str, Mapping[str, Any]] = _NOTHING,
) -> Found:
    """What was written into the folder; its files and their names are durable on return.

    Raises IngestProblem when two records have the same id.
    """
    twins = writer.close()
    if len(twins):
        _check_unique(folder, twins)
    data = folder / DATA
    found = Found(
        rows=writer.rows,
        bytes=data.stat().st_size,
        digest=file_digest(data, pq.read_metadata(data)),
        schema=types.written(schema),
        mixed=types.mixed(schema),
        id_field=id_field,
        scrubbed=scrubbed,
    )
    write_json(folder / FOUND, found)
    sync_all(folder, (DATA, ROWS, IDS, CODES, VALUES))
    return found


def _check_unique(folder: Path, twins: Numbers) -> None:
    ids = Rows(folder / ROWS).take(twins, [RECORD_ID]).column(0).combine_chunks()
    record_ids.check_unique(ids, twins.tolist())
