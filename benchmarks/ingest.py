"""Data sets: how fast a file becomes a version, and how fast its rows are found."""

import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from benchmarks import patients
from benchmarks.measure import Result, seconds
from benchmarks.options import Options
from xase_server.datasets import LocalLibrary
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.ports.datasets import Ingest, Version

LINES = 100_000
"""Records of the formats of text, which are slower."""


def run(options: Options) -> list[Result]:
    """On a fresh library in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return list(_results(Path(folder), options))


def _results(folder: Path, options: Options) -> Iterator[Result]:
    library = LocalLibrary(folder / "datasets", {}, open_engine=open_engine, build_database=build_database)
    bench = _Bench(library, folder)
    few, lines = folder / "few.parquet", min(LINES, options.records)
    patients.write(few, 20)
    bench.ingested(few)
    yield Result("a file of 20 records", statistics.median(bench.ingested(few) for _ in range(3)), "s", "<= 1")
    many = folder / "many.parquet"
    patients.write(many, options.records)
    took = bench.ingested(many)
    bound = "" if options.quick else ">= 150000"
    yield Result(f"Parquet, {options.records:,} records", options.records / took, "records/s", bound, "all four files")
    yield from _reading(library.open("ds_bench", bench.number), options)
    table = pq.read_table(many).slice(0, lines)
    (folder / "lines.ndjson").write_bytes(msgspec.json.Encoder().encode_lines(table.to_pylist()))
    yield Result(f"NDJSON, {lines:,} records", lines / bench.ingested(folder / "lines.ndjson"), "records/s")
    arrow_csv.write_csv(table.drop_columns(["symptoms", "treatments", "lab_results"]), folder / "lines.csv")
    yield Result(f"CSV, {lines:,} records", lines / bench.ingested(folder / "lines.csv"), "records/s", note="4 columns")
    library.close()


class _Bench:
    """Ingests files as ever new versions of one dataset."""

    def __init__(self, library: LocalLibrary, folder: Path) -> None:
        self._library, self._folder = library, folder
        self.number = 0

    def ingested(self, source: Path) -> float:
        """The seconds it takes, processes and syncs included."""
        self.number += 1
        wish = Ingest(dataset_id="ds_bench", number=self.number, source=source)
        return seconds(lambda: self._library.ingest(wish, lambda _: None, lambda: False))


def _reading(version: Version, options: Options) -> Iterator[Result]:
    chance, times = random.Random(1), 20 if options.quick else 2000
    starts = [chance.randrange(max(1, version.rows - 100)) for _ in range(times)]
    ids = [version.slice(start, start + 1, ["record_id"]).column(0)[0].as_py() for start in starts]
    numbers = [np.array([chance.randrange(version.rows) for _ in range(100)]) for _ in range(times // 10)]
    yield Result("slice of 100 rows, any depth", 1e6 * _median(version.slice, [(s, s + 100) for s in starts]), "µs")
    yield Result("a record by its id", 1e6 * _median(_by_id, [(version, each) for each in ids]), "µs", "<= 1000")
    yield Result("100 records by their numbers", 1e6 * _median(version.take, [(each,) for each in numbers]), "µs")


def _by_id(version: Version, record_id: str) -> object:
    number = version.number_of(record_id)
    assert number is not None, "it was read from the version"
    return version.slice(number, number + 1)


def _median(work: Callable[..., object], calls: Sequence[tuple[Any, ...]]) -> float:
    return statistics.median(seconds(partial(work, *each)) for each in calls)
