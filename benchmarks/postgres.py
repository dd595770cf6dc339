"""Appends on PostgreSQL: against the row-locked chain, against plain inserts by pgbench, and from two servers at once.

python -m benchmarks.postgres DSN PEM SECONDS      what one server process appends per second; used by this module
"""

import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks import row_chain
from benchmarks.decisions import units
from benchmarks.measure import Result, interleaved, median_ratio, number_text
from benchmarks.options import Options
from tests.cluster import Cluster, find_programs
from xase.proof.keys import LogSigner
from xase_server.domain.clock import SystemClock
from xase_server.domain.entries import Unit
from xase_server.ledger.append import Ledger
from xase_server.storage import open_storage

CALLERS = 64
ORIGIN = "benchmark.example/log"
RAW_BYTES = 1_300
"""About what an entry and its payload take."""

MOST_PER_SECOND = 30_000
SCRIPT = f"INSERT INTO plain (raw) VALUES (decode(repeat('ab', {RAW_BYTES}), 'hex'));\n"


def run(options: Options) -> list[Result]:
    """Everything on one cluster, made for this, durable as in production."""
    programs = find_programs()
    if programs is None:
        return [Result("PostgreSQL is not installed here", 0, "", note="nothing measured")]
    with Cluster.running(programs) as cluster:
        return list(_results(cluster, 0.1 if options.quick else 4.0, options))


def _results(cluster: Cluster, length: float, options: Options) -> Iterator[Result]:
    dsn, plain = cluster.new_database(), cluster.new_database()
    row_chain.prepare(plain)
    open_storage(dsn, Path()).close()
    pem = Path(cluster.folder) / "log.pem"
    pem.write_text(LogSigner.generate(ORIGIN).to_pem())
    rates = interleaved(
        options.rounds,
        {
            "ours": lambda: _servers(dsn, pem, length, 1),
            "two": lambda: _servers(dsn, pem, length, 2),
            "chain": lambda: row_chain.appends_per_second(plain, bytes(RAW_BYTES), callers=CALLERS, seconds=length),
            "pgbench": lambda: _pgbench(cluster, plain, length),
        },
    )
    middle = {name: statistics.median(values) for name, values in rates.items()}
    yield Result(f"appends, one server, {CALLERS} callers", middle["ours"], "/s")
    for name, what, bound in (
        ("chain", "a row-locked chain", ">= 30"),
        ("pgbench", "plain inserts by pgbench", ">= 1.3"),
    ):
        note = f"{number_text(middle[name])} /s there"
        yield Result(f"by {what}, {CALLERS} callers", median_ratio(rates, "ours", name), "×", bound, note)
    note = f"{number_text(middle['two'])} /s"
    yield Result("two servers by one", median_ratio(rates, "two", "ours"), "×", ">= 1.2", note)


def _servers(dsn: str, pem: Path, length: float, count: int) -> float:
    """Appends per second of so many processes together."""
    command = [sys.executable, "-m", "benchmarks.postgres", dsn, str(pem), str(length)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(count)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return sum(float(process.communicate()[0]) for process in processes)


def _pgbench(cluster: Cluster, dsn: str, length: float) -> float:
    script = Path(cluster.folder) / "plain.sql"
    script.write_text(SCRIPT)
    script.chmod(0o644)
    program = cluster.programs / "pgbench"
    seconds = str(max(1, round(length)))
    command = [
        str(program),
        "-n",
        "-f",
        str(script),
        "-c",
        str(CALLERS),
        "-j",
        "2",
        "-T",
        seconds,
        "-M",
        "prepared",
        dsn,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    assert found, done.stdout
    return float(found[1])


# ---------------------------------------------------------------- one server process


async def _append_for(ledger: Ledger, work: list[Unit], length: float) -> float:
    """Appends per second of all callers, until time or work runs out."""
    heap = iter(work)
    done = 0
    started = time.perf_counter()

    async def call() -> None:
        nonlocal done
        for unit in heap:
            await ledger.append(unit)
            done += 1
            if time.perf_counter() > started + length:
                return

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return done / (time.perf_counter() - started)


def serve(dsn: str, pem: str, length: float) -> float:
    """Open the store, say so, wait for the word to begin, and append."""
    storage = open_storage(dsn, Path())
    storage.initialise(ORIGIN)
    ledger = Ledger(storage, LogSigner.from_pem(ORIGIN, Path(pem).read_bytes()), SystemClock())
    ledger.start()
    work = units(int(length * MOST_PER_SECOND))
    print("ready", flush=True)
    sys.stdin.readline()
    rate = uvloop.run(_append_for(ledger, work, length))
    ledger.close()
    storage.close()
    return rate


if __name__ == "__main__":
    print(serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))
