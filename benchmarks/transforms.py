"""Transforms: rows changed a second on one core, and what they cost a bulk answer."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.delivery import Drain
from benchmarks.measure import Result, interleaved, median_ratio, seconds
from benchmarks.options import Options
from xase_server.datasets.library import LocalLibrary
from xase_server.delivery.arrow import ArrowStream
from xase_server.delivery.chunks import Chunk
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.ports import Edit, Ingest, Version
from xase_server.query.schema import DATE, FLOAT, INT, STRING, Struct, Type
from xase_server.transforms.compiled import compile_transforms
from xase_server.transforms.keys import Keys

KEYS = Keys(b"\x01" * 32, "org_hospital", "ds_bench", "sess_bench")
BATCH = 65_536
DISTINCT = 0.05

ALONE: Mapping[str, tuple[Type, dict[str, Any], str]] = {
    "patient_id": (STRING, {"op": "hash"}, ">= 5"),
    "name": (STRING, {"op": "mask", "keep_first": 1}, ""),
    "age": (INT, {"op": "generalize", "width": 5, "top": 90}, ""),
    "weight": (FLOAT, {"op": "noise", "scale": 2}, ""),
    "admitted": (DATE, {"op": "date_shift", "subject": "patient_id", "max_days": 182}, ""),
}
POLICY = {name: spec for name, (_, spec, _) in ALONE.items()}


def run(options: Options) -> list[Result]:
    """The table."""
    rows = 2_000 if options.quick else 1_000_000
    table = _table(rows)
    alone = [_alone(table, name, options) for name in ALONE]
    return [*alone, _bulk(table, options)]


def _table(rows: int) -> pa.Table:
    """Patients seen about twenty times each, in no order."""
    chance = np.random.default_rng(1)
    who = chance.integers(0, max(1, int(rows * DISTINCT)), rows)
    start = np.datetime64("2015-01-01T00:00:00.000")
    columns = {
        "record_id": pa.array([f"rec_{number:08x}" for number in range(rows)]),
        "patient_id": pa.array(np.char.add("p", who.astype(str)).tolist()),
        "name": pa.array(np.char.add("Patient ", who.astype(str)).tolist()),
        "age": pa.array(18 + who % 80),
        "weight": pa.array(chance.normal(75, 15, rows)),
        "admitted": pa.array(start + chance.integers(0, 300_000_000, rows) * 1000, pa.timestamp("ms", "UTC")),
        **{f"lab_{number}": pa.array(chance.normal(100, 20, rows)) for number in range(6)},
    }
    return pa.table(columns)


def _alone(table: pa.Table, name: str, options: Options) -> Result:
    type_, spec, bound = ALONE[name]
    schema = Struct((("patient_id", STRING), (name, type_))) if name != "patient_id" else Struct(((name, type_),))
    columns = table.select([each for each, _ in schema.members])

    def change() -> float:
        made = compile_transforms({name: spec}, schema, KEYS)  # knows no value yet
        return seconds(lambda: [made.apply(columns.slice(at, BATCH), _numbers(at, table)) for at in _starts(table)])

    best = min(change() for _ in range(max(3, options.rounds)))
    note = f"{DISTINCT:.0%} different values" if name in {"patient_id", "name"} else ""
    return Result(f"{spec['op']}, one core", table.num_rows / best / 1e6, "million rows/s", bound, note)


def _bulk(table: pa.Table, options: Options) -> Result:
    """All rows as an Arrow stream to a socket, with and without five transforms."""
    with tempfile.TemporaryDirectory() as folder, Drain() as drain:
        source = Path(folder) / "rows.parquet"
        pq.write_table(table, source)
        library = LocalLibrary(Path(folder) / "sets", {}, open_engine=open_engine, build_database=build_database)
        library.ingest(Ingest(dataset_id="ds_bench", number=1, source=source), lambda _: None, lambda: False)
        plain = library.open("ds_bench", 1)
        made = compile_transforms(POLICY, plain.schema, KEYS)
        edition = library.edition("ds_bench", 1, Edit("bench", made, tuple(table.column_names)))
        runs = {
            "plain": lambda: drain.take(_stream(plain)),
            "changed": lambda: drain.take(_stream(edition)),
        }
        ratio = 1 / median_ratio(interleaved(options.rounds, runs), "changed", "plain")
        library.close()
    return Result("Arrow bulk under five transforms, of twelve columns", ratio, "of plain", ">= 0.5")


def _stream(version: Version) -> Iterator[Chunk]:
    stream = ArrowStream(version.slice(0, 0).schema, version.schema)
    for at in range(0, version.rows, BATCH):
        yield from stream.batch(version.slice(at, at + BATCH), {})


def _starts(table: pa.Table) -> range:
    return range(0, table.num_rows, BATCH)


def _numbers(start: int, table: pa.Table) -> Any:
    return np.arange(start, min(start + BATCH, table.num_rows))
