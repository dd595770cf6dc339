"""The ledger in one SQLite file.

Durable: write-ahead log with synchronous=FULL, read back and refused otherwise. One writer at a time
across processes: a gate hands the turn around fairly, `BEGIN IMMEDIATE` makes it sure.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from xase_server.domain.tokens import TokenRow
from xase_server.ports import Reads, StorageUnavailable, Transaction, Unwritable
from xase_server.storage.folding import MOST_PAGES, Folder
from xase_server.storage.gate import Gate
from xase_server.storage.lists_file import ListsFile, attach, prepare
from xase_server.storage.memo import Memo
from xase_server.storage.outbox import SqlOutbox
from xase_server.storage.reads import SqlReads, read_head
from xase_server.storage.sqlite_session import SqliteSession, translated
from xase_server.storage.statements import sqlite_statements
from xase_server.storage.tokens import keep_tokens
from xase_server.storage.transaction import SqlTransaction

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long a locked database is waited for before an append is answered `unavailable`."""

_FULL: Final = 2
_PAGES_EACH: Final = 16
"""What a commit writes beside a page for each entry, roughly."""

_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: past the drive's own cache
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is erased is overwritten
    f"PRAGMA wal_autocheckpoint = {MOST_PAGES}",
    "PRAGMA cache_size = -65536",  # KiB
    "PRAGMA temp_store = MEMORY",
)
_FOLDER_SETTINGS: Final = ("PRAGMA synchronous = FULL", "PRAGMA checkpoint_fullfsync = ON")
_LISTER_SETTINGS: Final = ("PRAGMA temp_store = MEMORY",)
_READER_SETTINGS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -16384", "PRAGMA mmap_size = 268435456")


class SqliteStorage:
    """Implements `xase_server.ports.Storage` over the migrated database at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._statements = sqlite_statements()
        self._gate = Gate(path, BUSY_SECONDS)
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._memo = Memo()
        self._folder = Folder(lambda: _open(path, _FOLDER_SETTINGS))
        self._lists = ListsFile(lambda: _open_with_lists(path, _LISTER_SETTINGS), self._statements)
        self._unwiped = True  # a crash may have come between an erasure and its wiping
        self._readers = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self.outbox = SqlOutbox(self._read, self._write)
        with translated():
            self._writer = _open_writer(path)
            prepare(lambda: _open_with_lists(path, ()), path)

    @property
    def reads_are_inline(self) -> bool:
        """A point read takes microseconds."""
        return True

    def initialise(self, log: str) -> None:
        """Create the head of a new log unless there is one, and begin to keep up the lists."""
        with self._write() as session:
            session.run("create_head", log=log, compact=b"")
            organisations = session.rows("every_organisation")
        self._lists.look_at([number for (number,) in organisations])

    @contextlib.contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One group commit; when the context ends without an exception, it is durable."""
        with self._write() as session:
            head = read_head(session)
            transaction = SqlTransaction(session, head, self._memo)
            yield transaction
        transaction.keep()
        self._unwiped |= transaction.erases
        if self._unwiped:
            self._wipe()
        self._folder.wrote(_PAGES_EACH + transaction.appended)
        self._lists.grew(transaction.grown)

    def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a snapshot of the database."""
        return self._read(lambda session: work(SqlReads(session)))

    def touch_keys(self, used_ms: Mapping[str, int]) -> None:
        """Note when keys were last used."""
        with self._write() as session:
            for key, time_ms in sorted(used_ms.items()):
                session.run("touch_key", id=key, used_ms=time_ms)

    def keep_tokens(self, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
        """Give each name its token."""
        with self._write() as session:
            kept = keep_tokens(session, rows)
        self._folder.wrote(_PAGES_EACH + 2 * len(rows))
        return kept

    def raise_epoch(self) -> int:
        """Mark that the store was restored from a copy."""
        with self._write() as session:
            session.run("raise_epoch")
            return read_head(session).epoch

    def check(self) -> None:
        """Raise StorageUnavailable unless the head can be read and the write-ahead log is in use."""
        self.read(lambda reads: reads.head())
        with translated():
            _refuse_unless_wal(self._reader())

    def close(self) -> None:
        """Close every connection; call it when no thread reads any more."""
        self._folder.close()
        self._lists.close()
        with self._writing:
            self._drop_writer()
            while self._opened:
                self._opened.pop().close()
            self._gate.close()

    # ------------------------------------------------------------------ inside

    def _read(self, work: Callable[[SqliteSession], T]) -> T:
        connection = self._reader()
        try:
            with translated():
                connection.execute("BEGIN")
                try:
                    return work(SqliteSession(connection, self._statements))
                finally:
                    connection.execute("COMMIT")
        except StorageUnavailable:
            self._readers.connection = None
            connection.close()
            raise

    @contextlib.contextmanager
    def _write(self) -> Iterator[SqliteSession]:
        with self._writing, self._gate, translated():
            connection = self._writer = self._writer or _open_writer(self._path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield SqliteSession(connection, self._statements)
                connection.execute("COMMIT")
            except Unwritable:
                self._memo.forget()
                connection.execute("ROLLBACK")
                raise
            except BaseException:  # what the connection still holds is not to be trusted
                self._drop_writer()
                raise

    def _drop_writer(self) -> None:
        self._memo.forget()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _wipe(self) -> None:
        """Cut off the write-ahead log, which holds what was erased; a busy reader delays it to the next commit."""
        with self._writing, self._folder.turn, self._lists.turn, contextlib.suppress(sqlite3.OperationalError):
            if self._writer is not None:
                ((busy, _, _),) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._unwiped = bool(busy)

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            with translated():
                connection = _open_with_lists(self._path, _READER_SETTINGS)
            self._readers.connection = connection
            self._opened.append(connection)
        return connection


def _open(path: Path, settings: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    for setting in settings:
        connection.execute(setting).fetchall()
    return connection


def _open_with_lists(path: Path, settings: Sequence[str]) -> sqlite3.Connection:
    connection = _open(path, settings)
    try:
        attach(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_writer(path: Path) -> sqlite3.Connection:
    connection = _open(path, ("PRAGMA journal_mode = WAL", *_SETTINGS))
    try:
        _refuse_unless_wal(connection)
        _refuse_unless_full(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_unless_wal(connection: sqlite3.Connection) -> None:
    ((mode,),) = connection.execute("PRAGMA journal_mode")
    if mode != "wal":
        raise StorageUnavailable(f"SQLite uses journal mode {mode} here, not a write-ahead log")


def _refuse_unless_full(connection: sqlite3.Connection) -> None:
    ((synchronous,),) = connection.execute("PRAGMA synchronous")
    if synchronous != _FULL:
        raise StorageUnavailable("SQLite does not take synchronous=FULL: appends would not be durable")
