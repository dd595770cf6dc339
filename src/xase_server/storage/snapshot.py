"""A consistent copy of the embedded database, made while servers write to it; and putting one in place."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from xase_server.durable import sync
from xase_server.ports import StorageUnavailable
from xase_server.storage.lists_file import SUFFIX

_COMPANIONS = tuple(name + suffix for name in ("", SUFFIX) for suffix in ("", "-wal", "-shm"))


class InUse(StorageUnavailable):
    """Somebody has the database open."""


def copy_database(source: Path, target: Path) -> None:
    """Copy the database as of one moment into one new file, durable on return.

    Appends go on meanwhile: the copy is a single read transaction. Raises StorageUnavailable.
    """
    with _connected(source, "ro") as original, _connected(target, "rwc") as copy:
        original.backup(copy, pages=-1)
    settle(target)
    sync(target)
    sync(target.parent)


def settle(path: Path) -> None:
    """Fold the write-ahead log into the database, so that it is one file.

    Raises InUse when another connection, of whatever process, has it open, StorageUnavailable when
    it cannot be read.
    """
    with _connected(path, "rw") as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise InUse(f"{path} is in use: stop the servers first") from error
            raise


def replace_database(arriving: Path, place: Path, aside: Path) -> None:
    """Move a settled database into the place of one that nobody has open, durable on return.

    What was there, damaged or not, is kept: it is moved into the new folder `aside`. Raises InUse;
    nothing has changed then.
    """
    if place.exists():
        refuse_if_open(place)
        aside.mkdir(mode=0o700)
        for companion in (place.with_name(place.name + suffix) for suffix in _COMPANIONS):
            if companion.exists():
                companion.rename(aside / companion.name)
        sync(aside)
    arriving.rename(place)
    sync(place.parent)


def refuse_if_open(path: Path) -> None:
    """Raise InUse when any process has the database open; a damaged one cannot be."""
    try:
        settle(path)
    except InUse:
        raise
    except StorageUnavailable:
        return


@contextlib.contextmanager
def _connected(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=1)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error
