"""The spool's file: taking decisions in, fixing batches, and settling them.

A `Spool` is one connection. The one that takes decisions in writes without waiting for the disk;
the courier's waits at every commit, and its first commit of a batch makes everything captured so
far durable with it.
"""

import errno
import fcntl
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from xase._client.config import SpoolLimits
from xase._client.spool import schema
from xase.errors import ConfigurationError, SpoolError, SpoolFull

BUSY_SECONDS: Final = 10.0
SERVER_REMEMBERS_MS: Final = 23 * 3_600_000
"""For how long a repeated batch surely meets its stored idempotency key.

The server keeps it at least 24 hours, for each API key by itself.
"""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What a spool holds: decisions `waiting` for this key's organisation, for others (`foreign`), and `rejected`."""

    waiting: int
    foreign: int
    rejected: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Decisions that go in one request.

    Its `id` is the idempotency key; neither changes until it is settled. `sent_ms` and `sent_by` tell
    of an earlier attempt whose outcome is unknown: when, and by the key of which fingerprint.
    """

    id: str
    numbers: Sequence[int]
    bodies: Sequence[bytes]
    sent_ms: int | None
    sent_by: str | None

    @property
    def content(self) -> bytes:
        """The request's body: the same bytes at every attempt."""
        return b'{"records":[' + b",".join(self.bodies) + b"]}"


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """A captured decision that the server refused, or whose delivery is in doubt; kept until someone decides."""

    id: str
    body: bytes
    captured_ms: int
    status: int | None
    slug: str
    error: str


@contextmanager
def _readable_faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise SpoolFull("the disk that holds the spool is full") from error
        raise SpoolError(f"the spool cannot be used: {error}") from error
    except OSError as error:
        kind = SpoolFull if error.errno == errno.ENOSPC else SpoolError
        raise kind(f"the spool cannot be used: {error}") from error


class Spool:
    """One connection to a spool file. May be used from several threads, and on both sides of a fork."""

    def __init__(self, path: Path, *, server: str, key: str, limits: SpoolLimits, wait_for_disk: bool) -> None:
        self.path = path
        self._server = server
        self._key = key
        self._limits = limits
        self._synchronous = "FULL" if wait_for_disk else "NORMAL"
        self._gate = threading.RLock()
        self._is_closed = False
        with _OPENING, _readable_faults():
            self._connection: sqlite3.Connection | None = self._open()
            _LIVING.add(self)

    # -------------------------------------------------------------- taking in

    def add(self, body: bytes) -> str:
        """Take one encoded decision in and answer its id. On return it survives the end of the process.

        Raises SpoolFull when a bound is reached and SpoolError when the file cannot be written.
        """
        identifier = uuid4().hex
        values = {
            "id": identifier,
            "key": self._key,
            "body": body,
            "now_ms": _now_ms(),
            "max_items": self._limits.items,
            "max_bytes": self._limits.bytes,
        }
        with self._gate, _readable_faults():
            added = self._connected().execute(schema.ADD, values).rowcount  # COMMIT POINT
        if added != 1:
            raise SpoolFull(f"the spool holds {self._limits.items} decisions or {self._limits.bytes} bytes already")
        return identifier

    # -------------------------------------------------------------- delivering

    def next_batch(self) -> Batch | None:
        """The batch to send now: an unfinished one, else a new one; None when nothing waits.

        On return the batch and its idempotency key are on disk, marked as sent, whatever happens next.
        """
        with self._transaction() as run:
            found = run(schema.UNFINISHED, {"key": self._key}).fetchone()
            identifier, sent_ms, sent_by = found or (self._form(run), None, None)
            if identifier is None:
                return None
            # written even when nothing changes: the commit makes all that was captured so far durable
            mark = "UPDATE batches SET sent_ms = coalesce(sent_ms, ?), sent_by = coalesce(sent_by, ?) WHERE id = ?"
            run(mark, (_now_ms(), self._key, identifier))
            rows = run("SELECT number, body FROM items WHERE batch = ? ORDER BY number", (identifier,)).fetchall()
        numbers, bodies = zip(*rows, strict=True)
        return Batch(identifier, numbers, bodies, sent_ms, sent_by)

    def _form(self, run: Any) -> str | None:
        limit, space = self._limits.batch_items, self._limits.batch_bytes
        chosen: list[int] = []
        for number, size in run(schema.WAITING, {"key": self._key, "max_items": limit}):
            space -= size
            if chosen and space < 0:
                break
            chosen.append(number)
        return _fix(run, chosen) if chosen else None

    def settle(self, batch: Batch) -> None:
        """The server has acknowledged the batch: forget it."""
        with self._transaction() as run:
            run("DELETE FROM items WHERE batch = ?", (batch.id,))
            run("DELETE FROM batches WHERE id = ?", (batch.id,))

    def unsend(self, batch: Batch) -> None:
        """The server has certainly not stored this attempt of the batch; an earlier one stays in doubt."""
        if batch.sent_ms is None:
            with self._transaction() as run:
                run("UPDATE batches SET sent_ms = NULL, sent_by = NULL WHERE id = ?", (batch.id,))

    def split(self, batch: Batch) -> None:
        """The server stored nothing because of some decision in the batch: try each half."""
        middle = len(batch.numbers) // 2
        with self._transaction() as run:
            for half in (batch.numbers[:middle], batch.numbers[middle:]):
                _fix(run, half)
            run("DELETE FROM batches WHERE id = ?", (batch.id,))

    def reject(self, batch: Batch, *, status: int | None, slug: str, error: str) -> None:
        """Set the batch's decisions aside, with the reason, for someone to decide."""
        with self._transaction() as run:
            change = "UPDATE items SET batch = NULL, status = ?, slug = ?, error = ? WHERE batch = ?"
            run(change, (status, slug, error, batch.id))
            run("DELETE FROM batches WHERE id = ?", (batch.id,))

    def checkpoint(self) -> None:
        """Move what was delivered out of the write-ahead log; only if nobody has to wait for it."""
        with self._gate, _readable_faults():
            self._connected().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # -------------------------------------------------------------- what it knows

    def is_in_doubt(self, batch: Batch) -> bool:
        """Whether the batch may be stored already and the server would not recognise it."""
        if batch.sent_ms is None:
            return False
        return batch.sent_by != self._key or _now_ms() - batch.sent_ms > SERVER_REMEMBERS_MS

    def state(self) -> SpoolState:
        """The counts, without a scan."""
        with self._gate, _readable_faults():
            return SpoolState(*self._connected().execute(schema.STATE, {"key": self._key}).fetchone())

    def knows_owner(self) -> bool:
        """Whether the organisation of this key is known here."""
        with self._gate, _readable_faults():
            return bool(self._connected().execute("SELECT 1 FROM owners WHERE key = ?", (self._key,)).fetchall())

    def learn_owner(self, organisation: str) -> None:
        """Remember whose key this is: other keys of the same organisation may then deliver for it."""
        with self._transaction() as run:
            run("INSERT OR REPLACE INTO owners (key, organisation) VALUES (?, ?)", (self._key, organisation))

    # -------------------------------------------------------------- the rejected

    def rejected(self, limit: int) -> list[RejectedItem]:
        """The rejected decisions, oldest first."""
        columns = "id, body, captured_ms, status, slug, error"
        sql = f"SELECT {columns} FROM items WHERE error IS NOT NULL ORDER BY number LIMIT ?"  # noqa: S608 - a constant
        with self._gate, _readable_faults():
            return [RejectedItem(*row) for row in self._connected().execute(sql, (limit,))]

    def resubmit(self, identifier: str) -> bool:
        """Let a rejected decision wait again; whether there was one."""
        change = "UPDATE items SET status = NULL, slug = NULL, error = NULL WHERE id = ? AND error IS NOT NULL"
        with self._transaction() as run:
            return bool(run(change, (identifier,)).rowcount)

    def discard(self, identifier: str) -> bool:
        """Throw a rejected decision away; whether there was one."""
        with self._transaction() as run:
            return bool(run("DELETE FROM items WHERE id = ? AND error IS NOT NULL", (identifier,)).rowcount)

    # -------------------------------------------------------------- the file

    def close(self) -> None:
        """Close the connection; the file stays."""
        with self._gate, _readable_faults():
            self._is_closed = True
            self._disconnect()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._gate, _readable_faults():
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection.execute
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")  # COMMIT POINT

    def _connected(self) -> sqlite3.Connection:
        if self._is_closed:
            raise SpoolError("the spool is closed")
        if self._connection is None:  # there was a fork
            self._connection = self._open()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None  # given up even where closing fails
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _one_at_a_time(folder):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=32
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            "secure_delete = ON",
            "wal_autocheckpoint = 20000",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, schema.VERSION}:
            raise ConfigurationError(f"{self.path} was made by another version of xase")
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{schema.SCHEMA};PRAGMA user_version = {schema.VERSION};COMMIT")
        connection.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('server', ?)", (self._server,))
        (server,) = connection.execute("SELECT value FROM meta WHERE name = 'server'").fetchone()
        if server != self._server:
            raise ConfigurationError(f"{self.path} is the spool for {server}, not for {self._server}")


def _fix(run: Any, numbers: Sequence[int]) -> str:
    """Make a batch of these items, under a new idempotency key."""
    identifier = uuid4().hex
    run("INSERT INTO batches (id) VALUES (?)", (identifier,))
    for number in numbers:
        run("UPDATE items SET batch = ? WHERE number = ?", (identifier, number))
    return identifier


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """One process opens a spool in this folder at a time: switching to WAL does not wait for others by itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough: a child forked meanwhile holds a copy
        os.close(descriptor)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# No connection may be open across a fork (sqlite.org/howtocorrupt), not even one that the child never uses: SQLite in
# the child would believe that it holds the parent's locks, and the parent, closing what it takes for the last
# connection, would delete the log that the child writes to. So a fork waits until no thread is inside SQLite and closes
# them all; each side opens its own again when it needs it.
_OPENING: Final = threading.RLock()
_LIVING: Final[weakref.WeakSet[Spool]] = weakref.WeakSet()
_HELD: Final[list[Spool]] = []


def _disconnect_all() -> None:
    _OPENING.acquire()
    _HELD.extend(_LIVING)
    for spool in _HELD:
        spool._gate.acquire()  # noqa: SLF001 - of this module
    for spool in _HELD:
        with suppress(sqlite3.Error):  # closed or broken: there is nothing more to give back
            spool._disconnect()  # noqa: SLF001 - of this module


def _release_all() -> None:
    while _HELD:
        _HELD.pop()._gate.release()  # noqa: SLF001 - of this module
    _OPENING.release()


os.register_at_fork(before=_disconnect_all, after_in_parent=_release_all, after_in_child=_release_all)
