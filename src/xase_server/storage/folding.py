"""Folding SQLite's write-ahead log into the database beside the commits, so that none of them pays for it.

A commit only appends to the log and flushes it. Its pages must reach the database at some time, and
SQLite would let the commit that fills the log write and flush all of them: the longest wait that
callers saw.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Final

from xase_server.storage.background import stand_back

FOLDED_AT_ONCE: Final = 2_000
"""About so many pages written begin a folding; nothing depends on the count being right."""

MOST_PAGES: Final = 16_000
"""Should folding not keep up, the commit that fills the log to this folds it after all."""

_ATTEMPTS: Final = 8


class Folder:
    """Folds from a thread of its own, on a connection of its own that `connect` opens."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self.turn = threading.Lock()
        """Held while folding; SQLite refuses a second one at the same time."""
        self._connect = connect
        self._written = 0
        self._wanted = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def wrote(self, pages: int) -> None:
        """A commit wrote about so many pages; returns at once."""
        self._written += pages
        if self._written >= FOLDED_AT_ONCE:
            self._written = 0
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="xase-folder", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End; what is not folded stays in the log, as durable there."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        stand_back()
        while True:
            with contextlib.suppress(sqlite3.Error):  # whoever commits will meet it and say so
                self._fold()
            self._wanted.wait()
            self._wanted.clear()
            if self._closing:
                return

    def _fold(self) -> None:
        """Fold until nothing is left, so that the next commit begins the log anew; commits may outrun that."""
        with contextlib.closing(self._connect()) as connection:
            for _ in range(_ATTEMPTS):
                with self.turn:
                    ((_, pages, folded),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                if pages == folded or self._closing:
                    return
