"""SQLite's lists of decisions: in a file of their own, brought up to date by a thread of its own.

All of it follows from the log, so no commit writes it, waits for it or flushes it: the newest decisions are
looked at one by one until the thread has listed them. A file that is lost, or that followed another log than
the one it now lies beside, is made anew.
"""

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from xase_server.storage import merging
from xase_server.storage.background import stand_back
from xase_server.storage.sqlite_session import SqliteSession
from xase_server.storage.statements import read_statements

SUFFIX: Final = "-lists"

_PRIMARY: Final = 0xFF
"""SQLite's extended error codes hold the primary one here."""

_SETTINGS: Final = (
    "PRAGMA lists.synchronous = NORMAL",  # what a power cut takes back is listed again
    "PRAGMA lists.cache_size = -8192",  # KiB
    "PRAGMA lists.mmap_size = 268435456",
)


def attach(connection: sqlite3.Connection, database: Path) -> None:
    """Let a connection to the database see its lists, too."""
    connection.execute("ATTACH DATABASE ? AS lists", [f"{database}{SUFFIX}"])
    for setting in _SETTINGS:
        connection.execute(setting).fetchall()


def prepare(connect: Callable[[], sqlite3.Connection], database: Path) -> None:
    """Make sure of lists that follow the database to which `connect` opens connections, be they still empty."""
    try:
        with contextlib.closing(connect()) as connection:
            _prepare(connection)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & _PRIMARY not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise
        for suffix in ("", "-wal", "-shm"):
            Path(f"{database}{SUFFIX}{suffix}").unlink(missing_ok=True)
        with contextlib.closing(connect()) as connection:
            _prepare(connection)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA lists.journal_mode = WAL").fetchall()
    statements = read_statements("lists_file.sql")
    for name in (name for name in statements if name.startswith("make_")):
        connection.execute(statements[name])
    connection.execute(statements["begin_anchor"])
    if not connection.execute(statements["is_anchored"]).fetchall():
        connection.execute("BEGIN")
        for name in (name for name in statements if name.startswith("forget_")):
            connection.execute(statements[name])
        connection.execute("COMMIT")


class ListsFile:
    """Keeps up the lists beside the database to which `connect` opens connections, with the lists attached."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], statements: Mapping[str, str]) -> None:
        self.turn = threading.Lock()
        """Held in each step, which looks at the database: what was erased is cut off while nobody does."""
        self._connect = connect
        self._statements = {**statements, **read_statements("lists_file.sql")}
        self._behind: Counter[int] = Counter()
        self._queue: SimpleQueue[int | None] = SimpleQueue()
        self._closing = False
        self._thread: threading.Thread | None = None

    def grew(self, decisions: Mapping[int, int]) -> None:
        """A commit added so many decisions to each of these organisations; returns at once."""
        self._behind.update(decisions)
        far = [owner for owner in decisions if self._behind[owner] >= merging.FAR_BEHIND]
        for owner in far:
            del self._behind[owner]
        self.look_at(far)

    def look_at(self, organisations: Iterable[int]) -> None:
        """Bring up to date what is far behind in these organisations' lists; returns at once."""
        for owner in organisations:
            self._queue.put(owner)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="xase-lists", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End after one more step for each organisation that waits."""
        self._closing = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        stand_back()
        while owners := self._take():
            with contextlib.suppress(sqlite3.Error):  # who reads looks at what is in no list, and meets the error
                self._follow(owners)

    def _take(self) -> list[int]:
        """Whom to look at next; nobody at the end."""
        taken = [self._queue.get()]
        with contextlib.suppress(Empty):
            while taken[-1] is not None:
                taken.append(self._queue.get_nowait())
        if taken[-1] is None and len(taken) > 1:
            self._queue.put(None)
        return list(dict.fromkeys(owner for owner in taken if owner is not None))

    def _follow(self, owners: Iterable[int]) -> None:
        with contextlib.closing(self._connect()) as connection:
            session = SqliteSession(connection, self._statements)
            for owner in owners:
                while merging.is_far_behind(session, owner):
                    self._step(connection, session, owner)
                    if self._closing:
                        break

    def _step(self, connection: sqlite3.Connection, session: SqliteSession, owner: int) -> None:
        with self.turn:
            connection.execute("BEGIN")
            try:
                session.run("move_anchor")  # the lists are locked first: what others have listed is seen
                merging.follow(session, owner)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
