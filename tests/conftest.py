"""Fixtures that every test may ask for. Narrower ones live beside the tests that need them."""

import atexit
import gc
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.cluster import Cluster, find_programs

if TYPE_CHECKING:
    from xase_server.datasets import Converter

REPOSITORY = Path(__file__).resolve().parents[1]

# how long one example takes says more about the machine than about the code
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


SPREAD = ("faults/test_kill.py", "faults/test_streams.py", "benchmarks/test_quick.py", "properties/", "docs/")
"""Whose tests take long and share little: each may go to another worker."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Gives a file's tests to one worker: spread, each worker would make the fixtures of the module anew."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.removeprefix("tests/").startswith(SPREAD) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """See `ByFile`."""
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from the thousands of tests that are made here: each look at them all takes 0.3 s."""
    gc.disable()
    collected = yield
    gc.enable()
    gc.freeze()
    atexit.register(gc.unfreeze)  # bindings that count their objects do so at the end
    return collected


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def converter() -> Iterator["Converter"]:
    """One for all libraries of this process: what a conversion needs takes half a second to load."""
    from xase_server.datasets import Converter  # most tests need no Arrow

    converter = Converter()
    yield converter
    converter.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite's file with the schema and nothing else, made once."""
    from xase_server.storage import SQLITE_FILE  # most tests need no database
    from xase_server.storage.migrations import migrate

    file = tmp_path_factory.mktemp("migrated") / SQLITE_FILE
    migrate(file)
    return file


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published vectors and conformance cases that may lie beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder shared/ with public vectors is not beside this repository")
    return folder


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """Where PostgreSQL's server is installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (looked on PATH and in /usr/lib/postgresql)")
    return programs


@pytest.fixture(scope="session")
def postgres(postgres_programs: Path) -> Iterator[Callable[..., str]]:
    """A function whose every call makes a PostgreSQL database and answers its `postgresql://` DSN.

    It is empty, or a copy of the one that the DSN `like` names.
    """
    with Cluster.running(postgres_programs) as cluster:
        yield cluster.new_database
