"""The databases of editions: caches on disk, the ones not used for longest removed.

They hold values as others may see them, which is less than the version beside them does.
"""

import shutil
import threading
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xase_server.datasets.caches import BuildDatabase
from xase_server.datasets.edition import Rows, Stored
from xase_server.datasets.opened import OpenEngine
from xase_server.ports.datasets import VersionUnavailable

_DATABASE: Final = "records.duckdb"
_MOST_OPEN: Final = 32

Place = tuple[str, int]
"""A dataset version."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One database: opened, where it lies, how large it is."""

    stored: Stored
    folder: Path
    bytes: int


class Editions:
    """At most so many databases and bytes. Making one never waits for the making of another."""

    def __init__(
        self, root: Path, open_engine: OpenEngine, build: BuildDatabase, *, most_bytes: int = 16 << 30
    ) -> None:
        self._root = root
        self._open_engine = open_engine
        self._build = build
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Place, str], _Kept] = OrderedDict()
        self._making: defaultdict[tuple[Place, str], threading.Lock] = defaultdict(threading.Lock)

    def get(self, place: Place, name: str, rows: Callable[[], Rows]) -> Stored:
        """The database of this name; made of the rows when it is not there. Raises VersionUnavailable."""
        key = place, name
        found = self._found(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making[key]
        with making:
            return self._found(key) or self._keep(key, self._made(rows()))

    def _found(self, key: tuple[Place, str]) -> Stored | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key].stored

    def _made(self, rows: Rows) -> _Kept:
        folder = self._root / uuid.uuid4().hex
        try:
            folder.mkdir(mode=0o700, parents=True)
            self._build(rows.reader(), folder / _DATABASE, rows.schema)
            engine = self._open_engine(folder / _DATABASE, rows.schema)
            return _Kept(Stored(engine, rows.numbers), folder, (folder / _DATABASE).stat().st_size)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if rows.failure is not None:
                raise rows.failure from error
            if isinstance(error, OSError):
                raise VersionUnavailable(f"the edition cannot be built ({type(error).__name__})") from None
            raise

    def _keep(self, key: tuple[Place, str], made: _Kept) -> Stored:
        gone = []
        with self._lock:
            self._kept[key] = made
            self._making.pop(key, None)
            while len(self._kept) > 1 and self._is_full():
                gone.append(self._kept.popitem(last=False)[1])
        _remove(gone)
        return made.stored

    def _is_full(self) -> bool:
        return len(self._kept) > _MOST_OPEN or sum(each.bytes for each in self._kept.values()) > self._most_bytes

    def discard(self, place: Place) -> None:
        """Remove all of one version."""
        with self._lock:
            gone = [self._kept.pop(key) for key in list(self._kept) if key[0] == place]
        _remove(gone)

    def clear(self) -> None:
        """Remove all, and what an earlier run of the server left."""
        with self._lock:
            self._kept.clear()
        shutil.rmtree(self._root, ignore_errors=True)


def _remove(gone: list[_Kept]) -> None:
    """Their files lose their names; whoever reads one still has it open."""
    for each in gone:
        shutil.rmtree(each.folder, ignore_errors=True)
