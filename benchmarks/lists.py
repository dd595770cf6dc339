"""Reading a large store: every documented filter, at any depth, with the exact total; proofs; the store's size."""

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bulk import ORIGIN, START_MS, STEP_MS, Loader
from benchmarks.decisions import ADMIN, MODELS, POLICIES
from benchmarks.measure import Result, percentile, seconds
from benchmarks.options import Options
from xase.proof.keys import LogSigner
from xase_server.domain.clock import SystemClock
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads, Storage
from xase_server.services.decisions import Decisions
from xase_server.services.reading import Reader
from xase_server.storage import open_storage

LIMIT = 20

MakeFilter = Callable[[random.Random, int], DecisionFilter]


def _period(chance: random.Random, records: int) -> dict[str, Any]:
    """A period somewhere in the store, from hours to all of it."""
    start, end = sorted(chance.sample(range(records), 2))
    return {"since_ms": START_MS + start * STEP_MS, "until_ms": START_MS + end * STEP_MS}


def _range(chance: random.Random) -> dict[str, Any]:
    low, high = sorted((chance.random(), chance.random()))
    return {"min_confidence": low, "max_confidence": high}


FILTERS: dict[str, MakeFilter] = {
    "no filter": lambda _chance, _n: DecisionFilter(),
    "model_id": lambda chance, _n: DecisionFilter(model_id=chance.choice(MODELS)),
    "policy_id": lambda chance, _n: DecisionFilter(policy_id=chance.choice(POLICIES)),
    "transaction_id": lambda chance, n: DecisionFilter(transaction_id=f"txn_{chance.randrange(n)}"),
    "start_date, end_date": lambda chance, n: DecisionFilter(**_period(chance, n)),
    "has_intervention": lambda chance, _n: DecisionFilter(has_intervention=chance.random() < 0.5),
    "min_confidence": lambda chance, _n: DecisionFilter(min_confidence=chance.random()),
    "max_confidence": lambda chance, _n: DecisionFilter(max_confidence=chance.random()),
    "min_confidence, max_confidence": lambda chance, _n: DecisionFilter(**_range(chance)),
    "model_id, policy_id": lambda chance, _n: DecisionFilter(
        model_id=chance.choice(MODELS), policy_id=chance.choice(POLICIES)
    ),
    "model_id, period": lambda chance, n: DecisionFilter(model_id=chance.choice(MODELS), **_period(chance, n)),
    "model_id, policy_id, period, has_intervention": lambda chance, n: DecisionFilter(
        model_id=chance.choice(MODELS),
        policy_id=chance.choice(POLICIES),
        has_intervention=chance.random() < 0.5,
        **_period(chance, n),
    ),
    "min_confidence, period": lambda chance, n: DecisionFilter(min_confidence=chance.random(), **_period(chance, n)),
    "model_id, min_confidence": lambda chance, _n: DecisionFilter(
        model_id=chance.choice(MODELS), min_confidence=chance.random()
    ),
    "everything but transaction_id": lambda chance, n: DecisionFilter(
        model_id=chance.choice(MODELS),
        policy_id=chance.choice(POLICIES),
        has_intervention=chance.random() < 0.5,
        **_period(chance, n),
        **_range(chance),
    ),
}


class Lists:
    """The use case behind `GET /v1/records`, as the server calls it."""

    def __init__(self, storage: Storage, records: int) -> None:
        ledger = Ledger(storage, LogSigner.generate(ORIGIN), SystemClock())  # lists never append
        self._decisions = Decisions(ledger, Reader(storage))
        self._records = records
        self._loop = asyncio.new_event_loop()
        self._chance = random.Random(7)

    def seconds(self, make: MakeFilter, *, deep: bool) -> float:
        """How long one page takes; for a deep one its total is asked for before."""
        criteria = make(self._chance, self._records)
        page = Page(limit=LIMIT, descending=self._chance.random() < 0.5)
        if deep:
            total = self._list(criteria, Page(limit=1))
            page = Page(limit=LIMIT, offset=self._chance.randrange(max(1, total)), descending=page.descending)
        return seconds(lambda: self._list(criteria, page))

    def _list(self, criteria: DecisionFilter, page: Page) -> int:
        _, total, _ = self._loop.run_until_complete(self._decisions.list(ADMIN, criteria, page))
        return total

    def close(self) -> None:
        """End the event loop and its threads."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def store(options: Options, folder: Path) -> tuple[Storage, int]:
    """The large store, made unless it is there from an earlier run; and its size on disk."""
    home = options.store or folder
    home.mkdir(parents=True, exist_ok=True)
    fresh = not (home / "xase.db").exists()
    storage = open_storage("", home)
    if fresh:
        Loader(storage).load(options.records)
    size = sum(file.stat().st_size for file in home.glob("xase.db*"))
    return storage, size


def run(options: Options) -> list[Result]:
    """Every filter on first and on deep pages."""
    with tempfile.TemporaryDirectory() as folder:
        storage, size = store(options, Path(folder))
        lists = Lists(storage, options.records)
        try:
            return list(_results(lists, storage, size, options))
        finally:
            lists.close()
            storage.close()


def _results(lists: Lists, storage: Storage, size: int, options: Options) -> Iterator[Result]:
    times = 20 if options.quick else 300
    for name, make in FILTERS.items():
        for _ in range(3):
            lists.seconds(make, deep=True)  # warm
        first = [lists.seconds(make, deep=False) for _ in range(times)]
        deep = [lists.seconds(make, deep=True) for _ in range(times)]
        worst = max(percentile(first, 0.99), percentile(deep, 0.99)) * 1e3
        note = f"p50 {percentile(first, 0.5) * 1e3:.2f} ms first, {percentile(deep, 0.5) * 1e3:.2f} ms deep"
        yield Result(f"list: {name}, p99", worst, "ms", "<= 10", note)
    kept = storage.read(kept_bytes)
    note = f"{size / options.records:,.0f} bytes a record"
    yield Result("size of the store by its entries and payloads", size / kept, "×", "<= 2.5", note)


def kept_bytes(reads: Reads) -> float:
    """What has to be kept at least: canonical entries, and payload parts with their salts. From a sample."""
    size = reads.head().size
    sample = min(size, 5_000)
    entries = sum(map(len, reads.entries(0, sample)))
    parts = sum(
        len(part.salt) + len(part.canonical) for each in reads.parts(0, sample).values() for part in each.values()
    )
    return (entries + parts) / sample * size
