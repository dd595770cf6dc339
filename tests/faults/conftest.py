"""What the fault tests share: the traced C library and the length of the run."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import iotrace
from tests.faults.server import started
from tests.simulator import ORIGIN
from xase_server.home import Home
from xase_server.storage import SQLITE_FILE


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared object that traces and disturbs system calls."""
    return iotrace.build(tmp_path_factory.mktemp("iotrace"))


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether to run in full length (`make faults`) or in the short form of the default suite."""
    return os.environ.get("XASE_FAULTS") == "full"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys folder of a home, made once."""
    home = Home(tmp_path_factory.mktemp("keys"))
    home.prepare()
    home.custody(ORIGIN, now_ms=0)
    return home.keys


@pytest.fixture(scope="session")
def make_home(keys: Path, migrated_file: Path) -> Callable[[Path], Path]:
    """A function that makes a home in a folder, with only keys and an empty database: each server would take long."""

    def make(place: Path) -> Path:
        shutil.copytree(keys, place / "home" / "keys")
        shutil.copy2(migrated_file, place / "home")
        return place / "home"

    return make


@pytest.fixture
def home(tmp_path: Path, make_home: Callable[[Path], Path]) -> Path:
    """The test's own home."""
    return make_home(tmp_path)


@pytest.fixture
def bare_home(home: Path) -> Path:
    """A home with nothing but keys: the first server makes the database."""
    (home / SQLITE_FILE).unlink()
    return home


@pytest.fixture(autouse=True)
def no_server_outlives_its_test() -> Iterator[None]:
    """Kill what a failed test left running, and nothing that others started before it."""
    before = len(started)
    yield
    while len(started) > before:
        started.pop().kill()
