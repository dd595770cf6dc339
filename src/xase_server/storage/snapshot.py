"""A consistent copy of the embedded database, made while servers write to it."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from xase_server.ports import StorageUnavailable

_COMPANIONS = ("", "-wal", "-shm")


def copy_database(source: Path, target: Path) -> None:
    """Copy the database as of one moment into a single new file, durable on return.

    Appends go on meanwhile: the copy is one read transaction. Raises StorageUnavailable.
    """
    with _connected(source, "ro") as original, _connected(target, "rwc") as copy:
        original.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, complete without a write-ahead log
    _sync(target)
    _sync(target.parent)


def put_database(copy: Path, place: Path, aside: Path) -> None:
    """Put a copy in the place of a database that no server has open, durable on return.

    What was there is kept, moved to the new folder `aside`. Raises StorageUnavailable when the
    database is in use or a file cannot be moved: nothing has changed then.
    """
    refuse_if_open(place)
    arriving = place.with_name(f".{place.name}.arriving")
    copy_database(copy, arriving)
    aside.mkdir(mode=0o700)
    for suffix in _COMPANIONS:
        old = place.with_name(place.name + suffix)
        if old.exists():
            old.rename(aside / old.name)
    arriving.rename(place)
    _sync(aside)
    _sync(place.parent)


def refuse_if_open(path: Path) -> None:
    """Raise StorageUnavailable when any process has the database open."""
    if not path.exists():
        return
    with _connected(path, "rw") as connection:
        try:  # leaving the write-ahead log needs every other connection to be closed
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.OperationalError as error:
            raise StorageUnavailable(f"{path} is in use: stop the servers first") from error


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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
