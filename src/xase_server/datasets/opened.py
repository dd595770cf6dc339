"""One version, opened: rows from the mapped file, numbers from the ids, codes of values, queries from the engine."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from xase_server.datasets.codes import Codes
from xase_server.datasets.folder import DATABASE, IDS, ROWS
from xase_server.datasets.ids import Ids
from xase_server.datasets.rows import Rows
from xase_server.datasets.types import Array
from xase_server.ports.datasets import RECORD_ID, Numbers, VersionUnavailable
from xase_server.ports.engines import Engine
from xase_server.query.schema import Schema
from xase_server.transforms.numbered import Numbered

OpenEngine = Callable[[Path, Schema], Engine]
"""An engine over the database file of a version; raises VersionUnavailable."""


class OpenedVersion:
    """See `ports.Version`; after `close` every read raises VersionUnavailable.

    Raises VersionUnavailable when the files cannot be read.
    """

    def __init__(self, folder: Path, schema: Schema, open_engine: OpenEngine) -> None:
        self._schema = schema
        self._open_engine: Callable[[], Engine] = lambda: open_engine(folder / DATABASE, schema)
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        try:
            self._rows: Rows | None = Rows(folder / ROWS)
            self._ids = Ids(folder / IDS, self._rows.count, self._record_ids)
            self._codes: Codes | None = Codes(folder, self._rows.count)
        except (OSError, ValueError) as error:
            raise VersionUnavailable(f"the version's files cannot be read ({type(error).__name__})") from None

    @property
    def rows(self) -> int:
        """See `Version.rows`."""
        return self._readable().count

    @property
    def schema(self) -> Schema:
        """See `Version.schema`."""
        return self._schema

    @property
    def engine(self) -> Engine:
        """See `Version.engine`; opened when first asked for. Raises VersionUnavailable."""
        with self._opening:
            self._readable()
            if self._engine is None:
                self._engine = self._open_engine()
            return self._engine

    def number_of(self, record_id: str) -> int | None:
        """See `Version.number_of`."""
        return self._ids.numbers([record_id])[0]

    def numbers_of(self, record_ids: Sequence[str]) -> Sequence[int | None]:
        """See `Version.numbers_of`."""
        return self._ids.numbers(record_ids)

    def take(self, numbers: Numbers, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Version.take`; raises IndexError for a number that no row has, KeyError for an unknown column."""
        return self._readable().take(numbers, columns)

    def slice(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Version.slice`; raises KeyError for an unknown column."""
        return self._readable().slice(start, stop, columns)

    def all_rows(self) -> Rows:
        """The mapped file."""
        return self._readable()

    def numbered(self, path: str) -> Numbered | None:
        """The column at a dotted path, if its values are numbered; None also after `close`."""
        codes = self._codes
        return None if codes is None else codes.numbered(path)

    def close(self) -> None:
        """Let go of the files; what was read before stays valid for who holds it."""
        with self._opening:
            self._rows = self._engine = self._codes = None

    def _record_ids(self, numbers: Numbers) -> Array:
        return self._readable().take(numbers, [RECORD_ID]).column(0).combine_chunks()

    def _readable(self) -> Rows:
        rows = self._rows
        if rows is None:
            raise VersionUnavailable("the version was closed")
        return rows
