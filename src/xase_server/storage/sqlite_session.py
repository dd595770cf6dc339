"""Named statements on one connection to SQLite."""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from xase_server.ports import StorageUnavailable, Unwritable
from xase_server.storage.session import Row

_ROWS_AT_ONCE: Final = (256, 64, *range(32, 0, -1))
"""Each count is a statement to prepare and keep; below 32 every count has its own."""

_VALUES: Final = re.compile(r"VALUES (\([?, ]+\))")


class SqliteSession:
    """Implements `xase_server.storage.session.Session`."""

    __slots__ = ("_connection", "_statements")

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self._connection = connection
        self._statements = statements

    def rows(self, name: str, /, **values: Any) -> Sequence[Row]:
        """All rows of one statement."""
        for key, value in values.items():
            if type(value) is list:
                values[key] = json.dumps(value)
        return self._connection.execute(self._statements[name], values).fetchall()

    def find(self, name: str, keys: Iterable[Row]) -> Sequence[Row]:
        """The rows found for a set of keys."""
        return [row for cursor in self._spread(name, list(keys)) for row in cursor]

    def many(self, name: str, rows: Sequence[Row]) -> None:
        """Write a set of rows."""
        try:
            for _ in self._spread(name, rows):
                pass
        except sqlite3.IntegrityError as error:
            raise Unwritable(str(error)) from error

    def _spread(self, name: str, rows: Sequence[Row]) -> Iterator[sqlite3.Cursor]:
        """Run a statement on many rows at a time.

        One call for each row would give up the interpreter's lock each time, and win it back only
        when the event loop's thread lets go.
        """
        start = 0
        while left := len(rows) - start:
            count = next(count for count in _ROWS_AT_ONCE if count <= left)
            values = list(chain.from_iterable(rows[start : start + count]))
            yield self._connection.execute(_for_rows(self._statements[name], count), values)
            start += count

    def run(self, name: str, /, **values: Any) -> None:
        """Run one writing statement."""
        self._connection.execute(self._statements[name], values)

    def change(self, name: str, /, **values: Any) -> int:
        """Run one writing statement; gives how many rows it changed."""
        return self._connection.execute(self._statements[name], values).rowcount

    def advance_head(self, **values: Any) -> None:
        """Move the head, or raise."""
        if self.change("advance_head", **values) != 1:
            raise StorageUnavailable("the head was moved by another writer")


@lru_cache(maxsize=512)
def _for_rows(statement: str, count: int) -> str:
    """The statement with so many rows after VALUES."""
    return _VALUES.sub(lambda values: "VALUES " + ", ".join([values[1]] * count), statement)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """SQLite's own errors as StorageUnavailable."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailable(f"SQLite: {error}") from error
