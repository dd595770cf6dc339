"""Proving, auditing, and verifying as a stranger does."""

import asyncio
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.decisions import ADMIN, units
from benchmarks.measure import Result, percentile, seconds
from benchmarks.options import Options
from xase import Client
from xase.proof.trust import Trust, read_trust
from xase.proof.verify import verify_bundle
from xase_server.core import Core, open_core
from xase_server.domain.entries import Unit
from xase_server.domain.principals import Principal
from xase_server.ledger.audit import audit
from xase_server.ledger.read import Tree
from xase_server.ledger.seal import extend_tiles
from xase_server.settings import Settings
from xase_server.storage import SQLITE_FILE, open_storage

MEASURED = """
import atexit, re, sys
from xase.cli import main
status = lambda: open("/proc/self/status").read()
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", status())[1], file=sys.stderr))
sys.exit(main())
"""
LEAVES_AT_ONCE = 1 << 18


def run(options: Options) -> list[Result]:
    """Each in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [*_proving(place / "tree", options), *_auditing(place, options), *_verifying(place / "home", options)]


# ---------------------------------------------------------------- inclusion proofs


def _plant(database: Path, leaves: int) -> None:
    """The tiles of a tree over so many random leaves, and no entries: proofs read nothing else."""
    tiles: dict[tuple[int, int], bytes] = {}
    with closing(sqlite3.connect(database)) as connection:
        for first in range(0, leaves, LEAVES_AT_ONCE):
            block = os.urandom(32 * min(LEAVES_AT_ONCE, leaves - first))
            hashes = [block[at : at + 32] for at in range(0, len(block), 32)]
            tiles = extend_tiles(first, hashes, lambda level, number, edge=tiles: edge.get((level, number), b""))  # type: ignore[misc]
            rows = [(level, number, tile) for (level, number), tile in tiles.items()]
            connection.executemany("INSERT OR REPLACE INTO tiles (level, number, hashes) VALUES (?, ?, ?)", rows)
        connection.commit()


def _proving(home: Path, options: Options) -> Iterator[Result]:
    leaves = 10_000 if options.quick else 5_000_000
    home.mkdir()
    storage = open_storage("", home)
    _plant(home / SQLITE_FILE, leaves)
    chance = random.Random(3)
    indices = [chance.randrange(leaves) for _ in range(100 if options.quick else 3_000)]
    times = [seconds(lambda n=n: storage.read(lambda reads: Tree(reads).inclusion(n, leaves))) for n in indices]  # type: ignore[misc]
    storage.close()
    note = f"p50 {statistics.median(times) * 1e3:.3f} ms"
    yield Result(f"inclusion proof, {leaves:,} entries, p99", percentile(times, 0.99) * 1e3, "ms", "<= 1", note)


# ---------------------------------------------------------------- audit


def _filled(home: Path, count: int) -> Core:
    """A home with so many decision records of its first organisation."""
    core = open_core(Settings(home=home, organisation=ADMIN.organisation, max_bundle_records=1_000_000))
    asyncio.run(_append(core, units(count, _owner(core))))
    return core


def _owner(core: Core) -> Principal:
    return replace(ADMIN, organisation=core.settings.organisation)


async def _append(core: Core, work: list[Unit]) -> None:
    for first in range(0, len(work), 2_000):
        await asyncio.gather(*(core.ledger.append(unit) for unit in work[first : first + 2_000]))


def _auditing(place: Path, options: Options) -> Iterator[Result]:
    count = 1_000 if options.quick else 50_000
    core = _filled(place / "audited", count)
    rates = []
    for _ in range(options.rounds):
        elapsed = seconds(lambda: _audit(core))
        rates.append((count + 1) / elapsed)
    core.close()
    yield Result("audit: entries per second, payloads and lists included", statistics.median(rates), "/s", ">= 150000")


def _audit(core: Core) -> None:
    report = audit(core.storage, core.custody.ring.log_verifiers)
    if not report.clean:
        raise RuntimeError(f"the audit found {report.findings[:3]}")


# ---------------------------------------------------------------- bundles


def _verifying(home: Path, options: Options) -> Iterator[Result]:
    count = 500 if options.quick else 10_000
    _filled(home, count).close()
    with Client.local(home) as client:
        keys = home / "keys.json"
        keys.write_text(client.evidence.server_keys())
        bundle = client.evidence.export(start_date="2020-01-01", end_date="2100-01-01").download(home)
    data, trust = bundle.read_bytes(), read_trust([keys.read_text()])
    elapsed = [_verify(data, trust) for _ in range(options.rounds)]
    yield Result(
        f"bundle of {count:,} records: verified in", statistics.median(elapsed), "s", "<= 2", f"{len(data):,} bytes"
    )
    yield Result("verification: entries per second", count / statistics.median(elapsed), "/s", ">= 150000")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "verify", bundle, "--key", keys], check=True, capture_output=True
    )
    yield Result("`xase verify` on it, whole process", time.perf_counter() - started, "s", "<= 2")
    yield Result("`xase verify` on it, most memory", int(done.stderr.split()[-1]) / 1024, "MB", "<= 200")


def _verify(data: bytes, trust: Trust) -> float:
    def work() -> None:
        report = verify_bundle(data, trust)
        if not report.verified:
            raise RuntimeError(report.to_text())

    return seconds(work)
