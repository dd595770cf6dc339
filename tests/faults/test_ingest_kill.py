"""kill -9 in the middle of an ingest: no version is half there, what is left is swept, the next attempt succeeds."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.files import write
from xase_server.datasets import LocalLibrary
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.ports.datasets import Ingest, IngestProblem

WORKER = Path(__file__).with_name("ingest_worker.py")
ROWS = 30_000


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "data.csv", "id,age,word\n" + "".join(f"r{n},{n % 90},word {n}\n" for n in range(ROWS)))


def library(root: Path) -> LocalLibrary:
    return LocalLibrary(root, {}, open_engine=open_engine, build_database=build_database)


def started(root: Path, source: Path) -> subprocess.Popen[str]:
    """A worker that begins to ingest."""
    worker = subprocess.Popen([sys.executable, str(WORKER), str(root), str(source)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def killed(root: Path, source: Path, seconds: float) -> list[int]:
    """The versions that a killed worker had said to be durable."""
    worker = started(root, source)
    assert worker.stdout is not None
    time.sleep(seconds)
    worker.kill()
    said = worker.stdout.read().split()
    worker.wait()
    worker.stdout.close()
    return [int(each) for each in said]


def children_of_nobody(root: Path) -> list[int]:
    """Converting processes that work below this folder still."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                links = [str(each.readlink()) for each in (process / "fd").iterdir()]
            except OSError:
                continue
            if any(link.startswith(str(root)) for link in links) and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


@pytest.mark.slow
def test_a_killed_ingest_leaves_nothing_half_made(tmp_path, source, full):
    chance, root = random.Random(), tmp_path / "datasets"
    for _ in range(60 if full else 2):
        durable = killed(root, source, chance.uniform(0.05, 4.0))
        after = library(root)
        present = sorted(int(each.name[1:]) for each in root.glob("ds_test/v*"))
        assert set(durable) <= set(present)
        for number in present:  # also one that was renamed but not yet said: it is whole
            version = after.open("ds_test", number)
            assert version.rows == ROWS
            assert version.number_of(f"r{ROWS - 1}") == ROWS - 1
        after.sweep(lambda dataset, number: number in durable)  # noqa: B023 -- called at once
        kept = {each.relative_to(root).parts[1] for each in root.rglob("*") if each.is_file()}
        assert kept == {f"v{number}" for number in durable}
        following = len(durable) + 1
        wish = Ingest(dataset_id="ds_test", number=following, source=source, id_field="id")
        assert after.ingest(wish, lambda progress: None, lambda: False).rows == ROWS
        after.sweep(lambda dataset, number: False)
        after.close()
        assert list(root.glob("ds_test*")) == []


def told(word: str) -> list[int]:
    """Processes that have this word in the environment that they were started with."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and word.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


@pytest.mark.slow
def test_the_process_that_waits_and_its_child_end_with_the_server(tmp_path, source, monkeypatch):
    if not Path("/proc/self/environ").exists():
        pytest.skip("only Linux tells here how a process was started")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    worker = started(tmp_path / "datasets", source)
    while len(told(str(tmp_path))) < 3:  # until there is a child, too
        assert worker.poll() is None
    worker.kill()
    worker.communicate()
    until = time.monotonic() + 10
    while told(str(tmp_path)) and time.monotonic() < until:
        time.sleep(0.02)
    assert told(str(tmp_path)) == []


@pytest.mark.slow
def test_a_killed_converting_process_is_a_problem_of_its_data_only(tmp_path, source):
    root = tmp_path / "datasets"
    held = library(root)
    big = write(tmp_path / "big.csv", "a,b\n" + "1,two\n" * 3_000_000)

    def kill_it(progress):
        for process in children_of_nobody(root):
            with contextlib.suppress(ProcessLookupError):  # killed at the progress before
                os.kill(process, signal.SIGKILL)

    with pytest.raises(IngestProblem) as refused:
        held.ingest(Ingest(dataset_id="ds_test", number=1, source=big), kill_it, lambda: False)
    assert refused.value.too_large
    assert list(root.glob("ds_test/*")) == []
    wish = Ingest(dataset_id="ds_test", number=1, source=source, id_field="id")
    assert held.ingest(wish, lambda progress: None, lambda: False).rows == ROWS
    held.close()
