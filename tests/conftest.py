"""Fixtures that every test may ask for. Narrower ones live beside the tests that need them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cluster import Cluster, find_programs

REPOSITORY = Path(__file__).resolve().parents[1]

# how long one example takes says more about the machine than about the code
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)  # before the workers read the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares a fixture of its module runs in one worker: spread, each worker would make that fixture anew."""
    for item in items:
        if isinstance(item, pytest.Function) and _shares_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _shares_its_module(item: pytest.Function) -> bool:
    made = item._fixtureinfo.name2fixturedefs
    return any(made[name][-1].scope == "module" for name in item.fixturenames if name in made)


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published vectors and conformance cases that may lie beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder shared/ with public vectors is not beside this repository")
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A function whose every call makes an empty PostgreSQL database and answers its `postgresql://` DSN."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed (looked on PATH and in /usr/lib/postgresql)")
    with Cluster.running(programs) as cluster:
        yield cluster.new_database
