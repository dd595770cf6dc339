"""Data in sessions over HTTP, evidence on: pages, single records, bulk, and the memory that any of it takes."""

import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq

from benchmarks import patients
from benchmarks.decisions import units
from benchmarks.ledger import Bench
from benchmarks.load import drive, pin, request
from benchmarks.measure import Result, interleaved, median_ratio, seconds
from benchmarks.options import Options
from benchmarks.readers import ARROW, PAGE, Holder, Memory, Reader, holder, processor_seconds, read_pages

READERS = 16
FILTER = {"diagnosis": "diabetes", "age": {"$gte": 50}}
PIPELINE = [
    {"$match": {"age": {"$gte": 50}}},
    {"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "glucose": {"$avg": "$lab_results.glucose"}}},
]
SORT = {"lab_results.glucose": -1, "age": 1}
SOURCE = "patients.parquet"


def run(options: Options) -> list[Result]:
    """On as many records of the documents' shape as asked for, in one server process on one core."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        patients.write(folder / SOURCE, options.records)
        at = stack.enter_context(holder(folder))
        bare = stack.enter_context(holder(folder, "off"))
        pin(0, 1)
        dataset, unrecorded = at.dataset(SOURCE), bare.dataset(SOURCE)
        parts = (
            _memory(at, dataset, options),
            _pages(at, dataset, folder, options),
            _streams(at, dataset, options),
            _records(at, dataset, folder, options),
            _bulk((at, at.session(dataset)), (bare, bare.session(unrecorded)), folder, options),
        )
        return [result for part in parts for result in part]


# ---------------------------------------------------------------- pages


def _pages(at: Holder, dataset: str, folder: Path, options: Options) -> Iterator[Result]:
    """One caller who waits for each page: the median, without a commit's own time."""
    deep = options.records * 99 // 100
    ledgers = folder / "ledgers"
    ledgers.mkdir()
    session = at.session(dataset)
    readers = {
        "at the start": Reader(at, session, {}),
        f"behind {deep:,} records": Reader(at, session, {}, at.cursor(session, deep)),
        "filtered": Reader(at, session, {"filter": json.dumps(FILTER)}),
        "sorted": Reader(at, session, {"sort": "-age"}),
        "sorted by what scatters": Reader(at, session, {"sort": json.dumps(SORT)}),
    }
    length = 0.05 if options.quick else 1.0
    runs = {name: _median_page(reader, length) for name, reader in readers.items()}
    interleaved(1, runs)  # the queries are run once
    values = interleaved(options.rounds, {"commit": _commit(ledgers, options), **runs})
    commit = statistics.median(values.pop("commit"))
    yield Result("one commit, one caller", commit, "ms")
    for name, found in values.items():
        took = statistics.median(found)
        note = f"{took:.2f} ms with it"
        yield Result(f"page of {PAGE} {name}: p50 less a commit", max(0.0, took - commit), "ms", "<= 2", note)


def _median_page(reader: Reader, length: float) -> Callable[[], float]:
    return lambda: read_pages([reader], length).p50 * 1e3


def _commit(folder: Path, options: Options) -> Callable[[], float]:
    """Milliseconds for an append alone to a ledger on the same disk."""
    bench, work = Bench(folder), units(20 if options.quick else 300)
    return lambda: 1e3 / bench.one_by_one(work)


def _streams(at: Holder, dataset: str, options: Options) -> Iterator[Result]:
    """Several sessions at once, each in a part of its own: nobody reads what was encoded for another."""
    step = min(options.records, 1_000_000) // READERS
    sessions = [at.session(dataset) for _ in range(READERS)]
    cursors = [None, *(at.cursor(session, step * n) for n, session in enumerate(sessions[1:], 1))]
    readers = [Reader(at, session, {}, cursor) for session, cursor in zip(sessions, cursors, strict=True)]
    wall, own, busy = [], [], 0.0
    for _ in range(options.rounds):
        before = processor_seconds(at.server.process.pid)
        load = read_pages(readers, 0.1 if options.quick else 3.0)
        used = processor_seconds(at.server.process.pid) - before
        wall.append(load.rate * PAGE)
        own.append(len(load.latencies) * PAGE / max(used, 0.01))
        busy = max(busy, load.busy)
    note = f"the reader's core {busy:.0%} busy"
    yield Result(f"JSON pages, {READERS} sessions, one core", statistics.median(wall), "records/s", ">= 150000", note)
    took = PAGE / statistics.median(own) * 1e6
    note = f"{took:,.0f} µs a page, ledger included"
    yield Result("the same by the server's processor time", statistics.median(own), "records/s", "", note)


def _records(at: Holder, dataset: str, folder: Path, options: Options) -> Iterator[Result]:
    ids = pq.read_table(folder / SOURCE, columns=["record_id"]).column(0)
    chance, session = random.Random(1), at.session(dataset)
    some = [ids[chance.randrange(len(ids))].as_py() for _ in range(500)]
    requests = [request("GET", f"{session}/records/{each}", at.server.key) for each in some]
    loads = [
        drive(at.server.port, requests, connections=1, seconds=0.05 if options.quick else 2.0)
        for _ in range(options.rounds)
    ]
    note = f"p99 {statistics.median(each.p99 for each in loads) * 1e3:.2f} ms"
    yield Result("a record by its id: p50", statistics.median(each.p50 for each in loads) * 1e3, "ms", "<= 3", note)


# ---------------------------------------------------------------- bulk


def _bulk(recorded: tuple[Holder, str], bare: tuple[Holder, str], folder: Path, options: Options) -> Iterator[Result]:
    """All rows as an Arrow stream by a copy of the same mapped file to a socket, each by a process on one core."""
    file = next(folder.glob("home-*/**/rows.arrow"))
    with Copier(file) as copier:
        runs = {
            "raw": lambda: options.records / seconds(copier.take),
            "arrow": lambda: options.records / seconds(lambda: _drained(*recorded)),
            "bare": lambda: options.records / seconds(lambda: _drained(*bare)),
        }
        interleaved(1, runs)
        values = interleaved(options.rounds, runs)
    note = f"{file.stat().st_size * statistics.median(values['arrow']) / options.records / 1e9:.2f} GB/s"
    yield Result("Arrow bulk by copying the mapped file", median_ratio(values, "arrow", "raw"), "×", ">= 0.7", note)
    bound = "" if options.quick else ">= 0.9"
    yield Result("Arrow bulk by the same without evidence", median_ratio(values, "arrow", "bare"), "×", bound)
    yield Result("Arrow bulk", statistics.median(values["arrow"]), "records/s")


def _drained(at: Holder, session: str) -> None:
    with at.bulk(session, ARROW) as connection:
        _drain(connection)


def _drain(connection: socket.socket) -> None:
    room = bytearray(1 << 20)
    while connection.recv_into(room):
        pass


SENDER = """
import mmap, os, socket, sys
file = open(sys.argv[1], "rb")
whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            for start in range(0, len(whole), 1 << 20):
                connection.sendall(whole[start : start + (1 << 20)])
"""


class Copier:
    """A process on the servers' core that sends a mapped file to whoever connects."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", SENDER, str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with self._process.stdout as said:
            self._port = int(said.readline())
        pin(self._process.pid, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def take(self) -> None:
        """Read all of it."""
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            _drain(connection)


# ---------------------------------------------------------------- memory


def _memory(at: Holder, dataset: str, options: Options) -> Iterator[Result]:
    """What the server's own memory grows by, at most, from before the first request on."""
    session, process = at.session(dataset), at.server.process.pid
    length = 0.05 if options.quick else 1.0
    work: dict[str, Callable[[], object]] = {
        "filter": lambda: at.ask("POST", f"{session}/filter", {"filter": FILTER, "limit": 1_000}),
        "sort of all": lambda: at.ask("POST", f"{session}/filter", {"sort": SORT, "limit": 1_000}),
        "aggregation": lambda: at.ask("POST", f"{session}/aggregate", {"pipeline": PIPELINE}),
        "pages": lambda: read_pages([Reader(at, session, {})], length),
        "bulk": lambda: _drained(at, session),
        "deep page": lambda: read_pages(
            [Reader(at, session, {}, at.cursor(session, options.records * 99 // 100))], length
        ),
    }
    with Memory(process) as idle:
        start = idle.before
    grown = []
    for name, each in work.items():
        with Memory(process) as memory:
            each()
        grown.append((name, memory.most - start))
    note = "; ".join(f"{name} {most:,.0f}" for name, most in grown)
    steps = [most for _, most in grown]
    least = max(after - before for before, after in pairwise([0.0, *steps]))
    yield Result("memory beyond the mapped file, all requests in turn", max(steps), "MB", "<= 300", note)
    yield Result("the most that one of them added", least, "MB", "<= 300")
