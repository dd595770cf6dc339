"""The HTTP server on one core, against its own echo endpoint."""

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.decisions import bodies
from benchmarks.load import Load, drive, pin, request
from benchmarks.measure import Result, interleaved, median_ratio
from benchmarks.options import Options

CONNECTIONS = 64
READ_AMONG = 2_000


@dataclass(frozen=True, slots=True)
class Serving:
    """A server process that is ready."""

    process: "subprocess.Popen[bytes]"
    port: int
    key: str


@contextlib.contextmanager
def serving(home: Path, *options: str, core: int = 0) -> Iterator[Serving]:
    """The server with the echo endpoint, on one core; this process goes to the other."""
    ready = home.parent / f"ready-{random.randrange(1 << 32):08x}"
    command = [sys.executable, "-m", "benchmarks.echo_server", str(home), str(ready), *options]
    with ready.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        pin(process.pid, core)
        port = int(ready.read_text().strip().rpartition(":")[2])
        yield Serving(process, port, (home / "admin.key").read_text().strip())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def posts(path: str, key: str, count: int) -> list[bytes]:
    """So many different requests that record a decision."""
    return [request("POST", path, key, json.dumps(body).encode()) for body in bodies(count)]


def some_ids(server: Serving, count: int) -> list[str]:
    """The ids of records that are there, in no order."""
    import urllib.request

    found: list[str] = []
    cursor = ""
    while len(found) < count and cursor is not None:
        address = f"http://127.0.0.1:{server.port}/v1/records?limit=100" + (f"&cursor={cursor}" if cursor else "")
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {server.key}"})
        with urllib.request.urlopen(asked) as answer:
            page = json.load(answer)
        found += [record["id"] for record in page["data"]]
        cursor = page["next_cursor"]
    random.Random(1).shuffle(found)
    return found


def run(options: Options) -> list[Result]:
    """POST, GET and echo in turns; all ratios are of rates in the same round."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home") as server:
        pin(0, 1)
        length = 0.1 if options.quick else 4.0
        loads: dict[str, list[Load]] = {"echo": [], "post": [], "get": []}

        def load(name: str, requests: Sequence[bytes]) -> float:
            loads[name].append(drive(server.port, requests, connections=CONNECTIONS, seconds=length))
            return loads[name][-1].rate

        record = posts("/v1/records", server.key, 1_000)
        drive(server.port, record, connections=CONNECTIONS, seconds=length)  # warm, and something to read
        read = [request("GET", f"/v1/records/{id}", server.key) for id in some_ids(server, READ_AMONG)]
        echo = posts("/v1/echo", server.key, 1_000)
        runs = {
            "echo": lambda: load("echo", echo),
            "post": lambda: load("post", record),
            "get": lambda: load("get", read),
        }
        rates = interleaved(options.rounds, runs)
    return list(_results(rates, loads))


def _results(rates: dict[str, list[float]], loads: dict[str, list[Load]]) -> Iterator[Result]:
    busy = max(each.busy for several in loads.values() for each in several)
    yield Result("POST /v1/records by echo, 64 connections", median_ratio(rates, "post", "echo"), "×", ">= 0.45")
    yield Result("GET /v1/records/{id} by echo, 64 connections", median_ratio(rates, "get", "echo"), "×", ">= 0.6")
    for name, bound in (("post", "<= 25"), ("get", ""), ("echo", "")):
        several = sorted(loads[name], key=lambda each: each.rate)
        typical = several[len(several) // 2]
        note = f"p50 {typical.p50 * 1e3:.1f} ms"
        yield Result(f"{name.upper()}: answers per second", typical.rate, "/s", note=note)
        yield Result(f"{name.upper()}: p99", typical.p99 * 1e3, "ms", bound)
    yield Result("the load generator's own core, at most busy", busy, "", note="well under 1: the server was the limit")
