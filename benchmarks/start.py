"""How long it takes until something can be done: importing the SDK, verifying a bundle, serving."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Result, seconds
from benchmarks.options import Options

PROGRAMS = Path(sys.executable).parent
IMPORT = "import time; t = time.perf_counter(); import xase; print(time.perf_counter() - t)"


def import_seconds() -> float:
    """`import xase` in a fresh interpreter, without the interpreter's own start."""
    return float(subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout)


def ready_seconds(home: Path) -> float:
    """From the command to the first answer."""
    ready = home.parent / "ready"
    ready.unlink(missing_ok=True)
    started = time.perf_counter()
    where = ["--home", str(home), "--port", "0", "--ready-file", str(ready)]
    command = [str(PROGRAMS / "xase-server"), "serve", *where]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.002)
    with urllib.request.urlopen(f"{ready.read_text().strip()}/readyz") as answer:
        json.load(answer)
    elapsed = time.perf_counter() - started
    process.send_signal(signal.SIGTERM)
    process.wait()
    return elapsed


def help_seconds() -> float:
    """`xase verify --help`, the whole process: what every verification pays before it reads a byte."""
    return seconds(lambda: subprocess.run([PROGRAMS / "xase", "verify", "--help"], check=True, capture_output=True))


def run(options: Options) -> list[Result]:
    """Each in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        return list(_results(Path(folder) / "home", 1 if options.quick else 9))


def _results(home: Path, times: int) -> Iterator[Result]:
    def median(measure: Callable[[], float]) -> float:
        return statistics.median(measure() for _ in range(times))

    yield Result("import xase", median(import_seconds) * 1e3, "ms", "<= 150")
    yield Result("xase verify: start", median(help_seconds) * 1e3, "ms", "<= 250")
    yield Result("server: first start, keys made", ready_seconds(home), "s", note="once, not repeated")
    yield Result("server: command to first answer", median(lambda: ready_seconds(home)), "s", "<= 2")
