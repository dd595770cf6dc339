"""The ledger in PostgreSQL, for several servers on one store.

One connection writes: the row lock on the head is the turn, and PostgreSQL hands it around in order.
A commit travels in a few pipelined statements, whatever the number of its rows. Reads come from
a pool. Durable: refused unless fsync, full_page_writes and synchronous_commit are on.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from xase_server.domain.tokens import TokenRow
from xase_server.ports import Head, Reads, StorageUnavailable, Transaction, Unwritable
from xase_server.storage.memo import Memo
from xase_server.storage.merging import merge_lists
from xase_server.storage.outbox import SqlOutbox
from xase_server.storage.reads import SqlReads, read_head
from xase_server.storage.session import Row
from xase_server.storage.statements import postgres_statements
from xase_server.storage.tokens import keep_tokens
from xase_server.storage.transaction import SqlTransaction

T = TypeVar("T")
Connection = psycopg.Connection[Row]

_CONNECT_SECONDS: Final = 5
_WRITER_SETTINGS: Final = "SET statement_timeout = '15s'; SET lock_timeout = '5s'; SET client_min_messages = warning"
_READER_SETTINGS: Final = "SET statement_timeout = '15s'; SET default_transaction_read_only = on"
_MOST_HELD: Final = 6
"""So many sets of rows travel in one statement: PostgreSQL writes the log while the rows derived from it are made."""

_LOG_TABLES: Final = frozenset({"entries", "stream_runs", "tiles", "checkpoints"})
_MUST_BE_ON: Final = ("fsync", "full_page_writes", "synchronous_commit")


class PostgresStorage:
    """Implements `xase_server.ports.Storage` over the migrated database of `dsn`."""

    def __init__(self, dsn: str, readers: int) -> None:
        self._dsn = dsn
        self._statements = postgres_statements()
        self._writing = threading.Lock()
        self._memo = Memo()
        self.outbox = SqlOutbox(self._read, self._write)
        with _translated():
            self._writer: Connection | None = _open_writer(dsn)
            self._pool = ConnectionPool(
                dsn,
                min_size=1,
                max_size=readers,
                open=True,
                timeout=_CONNECT_SECONDS,
                kwargs={"autocommit": True, "connect_timeout": _CONNECT_SECONDS},
                configure=_configure_reader,
            )

    @property
    def reads_are_inline(self) -> bool:
        """Every read waits for the network."""
        return False

    def initialise(self, log: str) -> None:
        """Create the head of a new log unless there is one."""
        with self._write() as session:
            session.run("create_head", log=log, compact=b"")

    @contextlib.contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One group commit; when the context ends without an exception, it is durable."""
        with self._write() as session:
            locked = session.rows("lock_head")
            if not locked:
                raise StorageUnavailable("the store holds no log yet")
            head = Head(*locked[0])
            transaction = SqlTransaction(session, head, self._memo)
            yield transaction
            for organisation in transaction.grown:
                merge_lists(session, self._memo, organisation)
        transaction.keep()

    def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a snapshot of the database; once more when its connection turns out to be dead."""
        return self._read(lambda session: work(SqlReads(session)))

    def touch_keys(self, used_ms: Mapping[str, int]) -> None:
        """Note when keys were last used."""
        with self._write() as session:
            for key, time_ms in sorted(used_ms.items()):
                session.run("touch_key", id=key, used_ms=time_ms)

    def keep_tokens(self, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
        """Give each name its token."""
        with self._write() as session:
            return keep_tokens(session, rows)

    def raise_epoch(self) -> int:
        """Mark that the store was restored from a copy."""
        with self._write() as session:
            session.run("raise_epoch")
            return read_head(session).epoch

    def check(self) -> None:
        """Raise StorageUnavailable unless the head can be read and commits are durable."""
        self.read(lambda reads: reads.head())
        with _translated(), self._pool.connection() as connection:
            _refuse_unless_durable(connection)

    def close(self) -> None:
        """Close every connection."""
        with self._writing:
            self._drop_writer()
            self._pool.close()

    # ------------------------------------------------------------------ inside

    @contextlib.contextmanager
    def _write(self) -> Iterator["_Session"]:
        with self._writing, _translated():
            connection = self._writer = self._writer or _open_writer(self._dsn)
            try:
                with _told_apart(), connection.pipeline() as pipeline:
                    connection.execute("BEGIN")
                    session = _Session(connection, self._statements, pipeline)
                    yield session
                    session.send()
                    committed = connection.execute("COMMIT")
                _refuse_unless_committed(committed)
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

    def _read(self, work: Callable[["_Session"], T]) -> T:
        try:
            return self._read_once(work)
        except _ConnectionLost:
            with _translated():
                self._pool.check()
            try:
                return self._read_once(work)
            except _ConnectionLost as error:
                raise StorageUnavailable(f"PostgreSQL: {error}") from error

    def _read_once(self, work: Callable[["_Session"], T]) -> T:
        with _translated(), self._pool.connection() as connection:
            try:
                with connection.pipeline() as pipeline:
                    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    try:
                        return work(_Session(connection, self._statements, pipeline))
                    finally:
                        connection.execute("COMMIT")
            except psycopg.Error as error:
                if connection.closed:
                    raise _ConnectionLost(str(error)) from error
                raise


class _ConnectionLost(Exception):
    """The server closed a connection that was waiting in the pool."""


class _Session:
    """Implements `xase_server.storage.session.Session`."""

    __slots__ = ("_connection", "_held", "_pipeline", "_statements")

    def __init__(self, connection: Connection, statements: Mapping[str, str], pipeline: psycopg.Pipeline) -> None:
        self._connection = connection
        self._statements = statements
        self._pipeline = pipeline
        self._held: dict[str, list[list[Any]]] = {}

    def rows(self, name: str, /, **values: Any) -> Sequence[Row]:
        with _told_apart():
            return self._execute(name, values).fetchall()

    def find(self, name: str, keys: Iterable[Row]) -> Sequence[Row]:
        columns = _columns(keys)
        if not columns:
            return ()
        with _told_apart():
            return self._execute(name, columns).fetchall()

    def many(self, name: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if name in self._held or len(self._held) == _MOST_HELD:
            self.send()
        self._held[name] = _columns(rows)

    def send(self) -> None:
        """Write what `many` holds, in one statement: each statement costs both sides as much as many of its rows."""
        if not self._held:
            return
        held, self._held = self._held, {}
        statement = _together(tuple(self._statements[name] for name in held))
        with _told_apart():
            self._connection.execute(statement, [*chain.from_iterable(held.values())], binary=True)

    def run(self, name: str, /, **values: Any) -> None:
        with _told_apart():
            self._execute(name, values)

    def change(self, name: str, /, **values: Any) -> int:
        with _told_apart():
            cursor = self._execute(name, values)
            self._pipeline.sync()
            return cursor.rowcount

    def advance_head(self, **values: Any) -> None:
        self.run("advance_head", **values)  # fails by itself, so that the commit need not wait for its answer

    def _execute(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> psycopg.Cursor[Row]:
        self.send()
        return self._connection.execute(self._statements[name], values, binary=True)


@lru_cache(maxsize=512)
def _together(statements: tuple[str, ...]) -> str:
    """One statement that does them all; no two of them may write the same row."""
    parts = ", ".join(f"part{n} AS ({statement})" for n, statement in enumerate(statements))
    return f"WITH {parts} SELECT"


def _columns(rows: Iterable[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _open_writer(dsn: str) -> Connection:
    connection = psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS)
    try:
        connection.execute(_WRITER_SETTINGS)
        _refuse_unless_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure_reader(connection: Connection) -> None:
    connection.execute(_READER_SETTINGS)


def _refuse_unless_durable(connection: Connection) -> None:
    for name in _MUST_BE_ON:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        if row is None or row[0] == "off":
            raise StorageUnavailable(f"PostgreSQL runs with {name} off: appends would not be durable")


def _refuse_unless_committed(cursor: psycopg.Cursor[Row]) -> None:
    if cursor.statusmessage != "COMMIT":  # a failed transaction ends in ROLLBACK, without an error
        raise StorageUnavailable("PostgreSQL did not commit")


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """A refused constraint is about what was to be written, unless it keeps the log; all else about the database."""
    try:
        yield
    except errors.IntegrityError as error:
        if error.diag.table_name in _LOG_TABLES:
            raise
        raise Unwritable(str(error).partition("\n")[0]) from error


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, PoolTimeout) as error:
        raise StorageUnavailable(f"PostgreSQL: {error}") from error
