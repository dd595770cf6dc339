"""Power cuts at any moment: everything acknowledged is there, the log is whole, and the server goes on by itself."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.disk import State, power_cuts
from tests.faults.iotrace import Event, environment, read_trace
from tests.faults.ledger_check import assert_whole_and_going_on
from xase_server.app import open_core
from xase_server.settings import Settings

CHUNKS = range(10)


@dataclass(frozen=True)
class Traced:
    """What the disk saw of a first start and some hundred acknowledged requests."""

    home: Path
    events: list[Event]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Traced:
    folder = tmp_path_factory.mktemp("traced")
    home, log, marks = folder / "home", folder / "trace", folder / "marks"
    command = [sys.executable, "-m", "tests.faults.workload", str(home), str(marks), "250"]
    surroundings = environment(library, home, log=log, marks=marks)
    subprocess.run(command, env=surroundings, check=True, stdout=subprocess.DEVNULL, timeout=100)
    events = list(read_trace(log))
    assert sum(event.op == "M" for event in events) > 250
    assert sum(event.op == "S" for event in events) > 50
    return Traced(home, events)


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
    first_start = next(n for n, event in enumerate(traced.events) if event.op == "M")
    states = power_cuts(traced.events, 500 if full else 25, seed=chunk, first=first_start + 1)
    for state, home in laid_out(traced, states, tmp_path):
        acknowledged = [mark.decode().strip() for mark in state.marks if mark != b"started\n"]
        assert_whole_and_going_on(home, acknowledged)


@pytest.mark.slow
def test_a_power_cut_during_the_first_start_is_outlived_by_the_next(traced, tmp_path, full):
    first_start = next(n for n, event in enumerate(traced.events) if event.op == "M")
    states = power_cuts(traced.events[:first_start], 200 if full else 10, seed=1)
    for _, home in laid_out(traced, states, tmp_path):
        core = open_core(Settings(home=home))
        try:
            assert core.ledger.problem is None
            assert core.home.admin_key.read_text().startswith("xase_pk_")
        finally:
            core.close()
        assert_whole_and_going_on(home, [])
