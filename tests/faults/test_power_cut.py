"""Power cuts at any moment: everything acknowledged is there, the log is whole, and the server goes on by itself."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.disk import State, power_cuts
from tests.faults.iotrace import Event, Faults, environment, read_trace
from tests.faults.ledger_check import assert_whole_and_going_on
from xase_server.core import open_core
from xase_server.settings import Settings

CHUNKS = range(10)
STARTED = b"started\n"


@dataclass(frozen=True)
class Traced:
    """What the disk saw of a first start and some hundred acknowledged requests."""

    home: Path
    events: list[Event]


def trace(folder: Path, library: Path, *faults: Path) -> Traced:
    """Run the workload and read what it did to the disk."""
    home, log, marks = folder / "home", folder / "trace", folder / "marks"
    command = [sys.executable, "-m", "tests.faults.workload", str(home), str(marks), "250", *map(str, faults)]
    files = {"log": log, "marks": marks} | ({"faults": faults[0]} if faults else {})
    subprocess.run(command, env=environment(library, home, **files), check=True, timeout=100)
    events = list(read_trace(log))
    assert sum(event.op == "M" for event in events) > 250
    assert sum(event.op == "S" for event in events) > 50
    return Traced(home, events)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Traced:
    return trace(tmp_path_factory.mktemp("traced"), library)


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Traced:
    """The same, while now and then a sync fails and its data may never reach the disk."""
    folder = tmp_path_factory.mktemp("disturbed")
    traced = trace(folder, library, Faults(folder / "faults").file)
    assert sum(event.op == "F" for event in traced.events) > 10
    return traced


def laid_out(traced: Traced, states: Iterator[State], folder: Path) -> Iterator[tuple[State, Path]]:
    """Each state as a home folder, gone again afterwards."""
    for n, state in enumerate(states):
        home = folder / f"state-{n}"
        state.lay_out(traced.home, home)
        yield state, home
        shutil.rmtree(home)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_power_cut_loses_nothing_that_was_acknowledged(traced, tmp_path, full, chunk):
    assert_nothing_lost(traced, 500 if full else 12, chunk, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(4))
def test_a_power_cut_after_failed_syncs_loses_nothing_either(disturbed, tmp_path, full, chunk):
    assert_nothing_lost(disturbed, 500 if full else 16, chunk, tmp_path)


def assert_nothing_lost(traced: Traced, count: int, seed: int, folder: Path) -> None:
    states = power_cuts(traced.events, count, seed, first=first_start_ends(traced) + 1)
    for state, home in laid_out(traced, states, folder):
        acknowledged = [mark.decode().strip() for mark in state.marks if mark != STARTED]
        assert_whole_and_going_on(home, acknowledged)


def first_start_ends(traced: Traced) -> int:
    return next(n for n, event in enumerate(traced.events) if event.op == "M")


@pytest.mark.slow
def test_a_power_cut_during_the_first_start_is_outlived_by_the_next(traced, tmp_path, full):
    states = power_cuts(traced.events[: first_start_ends(traced)], 200 if full else 6, seed=1)
    for _, home in laid_out(traced, states, tmp_path):
        core = open_core(Settings(home=home))
        try:
            assert core.ledger.problem is None
            assert core.home.admin_key.read_text().startswith("xase_pk_")
        finally:
            core.close()
        assert_whole_and_going_on(home, [])
