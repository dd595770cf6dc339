"""Durable appends at the ledger, without HTTP."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import uvloop

from benchmarks.decisions import ADMIN, units
from benchmarks.measure import Result, interleaved, median_ratio, number_text
from benchmarks.options import Options
from benchmarks.plain_file import PlainFile
from benchmarks.plain_store import PlainStore
from xase.proof.keys import LogSigner
from xase_server.domain.clock import SystemClock
from xase_server.domain.entries import Committed, Unit
from xase_server.ledger.append import Ledger
from xase_server.ports import Storage
from xase_server.storage import open_storage

CALLERS = (16, 64, 256)
SINGLE_AT = 64
YARDSTICKS = (
    ("plain", "a plain file under the same ledger", ">= 0.75"),
    ("single", "one transaction per append", ">= 40"),
    ("bare", "the bare disk", ""),
)
ORIGIN = "benchmark.example/log"


class Appends(Protocol):
    """Whatever a unit can be appended to."""

    async def append(self, unit: Unit) -> object:
        """Durable on return."""
        ...


async def _append_all(target: Appends, work: Sequence[Unit], callers: int) -> float:
    """Units per second when so many callers take them from one heap, each waiting for its commit."""
    heap = iter(work)

    async def call() -> None:
        for unit in heap:
            await target.append(unit)

    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    return len(work) / (time.perf_counter() - started)


class Bench:
    """One folder, and fresh stores in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signer = LogSigner.generate(ORIGIN)

    def _fresh(self) -> Path:
        home = self._folder / f"{random.randrange(1 << 48):012x}"
        home.mkdir()
        return home

    def _ledger(self, storage: Storage, home: Path) -> Ledger:
        ledger = Ledger(storage, self._signer, SystemClock(), head_file=home / "head")
        ledger.start()
        return ledger

    def _store(self, home: Path) -> Storage:
        storage = open_storage("", home)
        storage.initialise(ORIGIN)
        return storage

    def grouped(self, work: Sequence[Unit], callers: int) -> float:
        """Appends per second into the real store."""
        home = self._fresh()
        return self._run(self._store(home), home, work, callers)

    def plain(self, work: Sequence[Unit], callers: int) -> float:
        """The same ledger over a plain file."""
        home = self._fresh()
        return self._run(PlainStore(home / "log", ORIGIN), home, work, callers)  # type: ignore[arg-type]

    def _run(self, storage: Storage, home: Path, work: Sequence[Unit], callers: int) -> float:
        ledger = self._ledger(storage, home)
        rate = uvloop.run(_append_all(ledger, work, callers))
        ledger.close()
        storage.close()
        return rate

    def bare(self, work: Sequence[Unit], callers: int) -> float:
        """No ledger: the bytes of an entry and its payload into a file, with the same group commit."""
        lines = [b"".join(part.canonical for part in unit.appends[0].parts.values()) + bytes(900) for unit in work]

        async def run() -> float:
            file = PlainFile(self._fresh() / "bare")
            rate = await _append_all(file, lines, callers)  # type: ignore[arg-type]
            file.close()
            return rate

        return uvloop.run(run())

    def one_by_one(self, work: Sequence[Unit]) -> float:
        """One transaction for each append: what callers get who wait for each other."""
        home = self._fresh()
        storage = self._store(home)
        ledger = self._ledger(storage, home)
        started = time.perf_counter()
        for unit in work:
            ledger.append_now(unit)
        rate = len(work) / (time.perf_counter() - started)
        ledger.close()
        storage.close()
        return rate

    def latency(self, work: Sequence[Unit], callers: int, *, with_receipt: bool) -> float:
        """Seconds per append and caller, the complete offline proof made or not."""
        home = self._fresh()
        storage = self._store(home)
        ledger = self._ledger(storage, home)

        class Receipted:
            async def append(self, unit: Unit) -> object:
                committed = await ledger.append(unit)
                assert isinstance(committed, Committed)
                return committed.receipt(committed.entries[0]) if with_receipt else committed

        rate = uvloop.run(_append_all(Receipted(), work, callers))
        ledger.close()
        storage.close()
        return callers / rate


def run(options: Options) -> list[Result]:
    """Every load in turns with its yardsticks."""
    with tempfile.TemporaryDirectory() as folder:
        return list(_results(Bench(Path(folder)), options))


def _results(bench: Bench, options: Options) -> Iterator[Result]:
    count = 500 if options.quick else 20_000
    work = units(count, ADMIN)
    for callers in CALLERS:
        yield from _rates(bench, options, work, callers)
    yield _receipts(bench, options, work[: count // 20], callers=1)
    yield _receipts(bench, options, work, callers=64)


def _rates(bench: Bench, options: Options, work: Sequence[Unit], callers: int) -> Iterator[Result]:
    runs: dict[str, Callable[[], float]] = {
        "ours": lambda: bench.grouped(work, callers),
        "plain": lambda: bench.plain(work, callers),
        "bare": lambda: bench.bare(work, callers),
        "single": lambda: bench.one_by_one(work[: len(work) // 20]),
    }
    if callers != SINGLE_AT:
        del runs["single"]
    rates = interleaved(options.rounds, runs)
    here = f"{callers} callers"
    yield Result(f"appends, {here}", statistics.median(rates["ours"]), "/s")
    for name, what, bound in YARDSTICKS:
        if name in rates:
            note = f"{number_text(statistics.median(rates[name]))} /s there"
            yield Result(f"by {what}, {here}", median_ratio(rates, "ours", name), "×", bound, note)


def _receipts(bench: Bench, options: Options, work: Sequence[Unit], callers: int) -> Result:
    times = interleaved(
        options.rounds,
        {
            "with": lambda: bench.latency(work, callers, with_receipt=True),
            "without": lambda: bench.latency(work, callers, with_receipt=False),
        },
    )
    name = f"latency with a receipt by without, {callers} caller{'s' if callers > 1 else ''}"
    return Result(name, median_ratio(times, "with", "without"), "×", "<= 1.2")
