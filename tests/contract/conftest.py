"""Every test that asks for `place` runs on SQLite, on PostgreSQL and in memory."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.contract.logs import ORIGIN, Log, running_log
from xase_server.ports import Storage
from xase_server.storage import open_storage
from xase_server.storage.memory import MemoryStorage
from xase_server.storage.migrations import migrate


class Place(Protocol):
    """Where one store's data lies, and how to open it, again or from several sides."""

    def open(self) -> Storage: ...

    def reopen(self) -> Storage:
        """Open it anew after everything opened before was closed."""
        ...


class DatabasePlace:
    """A database: each opening is as good as another process's."""

    def __init__(self, database: str, home: Path) -> None:
        self.database = database
        self.home = home
        self._opened: list[Storage] = []

    def open(self) -> Storage:
        storage = open_storage(self.database, self.home, readers=4)
        self._opened.append(storage)
        storage.initialise(ORIGIN)
        return storage

    def reopen(self) -> Storage:
        self.close()
        return self.open()

    def close(self) -> None:
        for storage in self._opened:
            storage.close()
        self._opened.clear()


class MemoryPlace:
    """Memory lasts as long as its one storage."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._storage.initialise(ORIGIN)

    def open(self) -> Storage:
        return self._storage

    def reopen(self) -> Storage:
        return self._storage

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def migrated_database(postgres: Callable[..., str]) -> str:
    """The DSN of a PostgreSQL database with the schema and nothing else, made once."""
    dsn = postgres()
    migrate(dsn)
    return dsn


@pytest.fixture
def sqlite_place(migrated_file: Path, tmp_path: Path) -> Iterator[DatabasePlace]:
    shutil.copy2(migrated_file, tmp_path)
    place = DatabasePlace("", tmp_path)
    yield place
    place.close()


@pytest.fixture
def postgres_place(postgres: Callable[..., str], migrated_database: str, tmp_path: Path) -> Iterator[DatabasePlace]:
    place = DatabasePlace(postgres(like=migrated_database), tmp_path)
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        yield MemoryPlace()
    else:
        yield request.getfixturevalue(f"{request.param}_place")


@pytest.fixture(params=["sqlite", "postgres"])
def database_place(request: pytest.FixtureRequest) -> DatabasePlace:
    """Only the stores that outlive their process."""
    found: DatabasePlace = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.open()


@pytest.fixture
def log(storage: Storage) -> Iterator[Log]:
    with running_log(storage) as running:
        yield running
