"""The folders of all versions: how one gets its name, and what is left of those that never did.

DATASETS/{dataset_id}/v{number}/   one version
DATASETS/.building/                versions that are being made
DATASETS/.incoming/                uploads
DATASETS/.removed/                 what is being deleted
DATASETS/.editions/                databases of editions
"""

import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from xase_server.durable import sync

_BUILDING: Final = ".building"
_INCOMING: Final = ".incoming"
_REMOVED: Final = ".removed"
_EDITIONS: Final = ".editions"
_DATASET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_VERSION: Final = re.compile(r"v([1-9]\d{0,8}|0)")


class Versions:
    """The folder DATASETS; everything in it is readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("", _BUILDING, _INCOMING, _REMOVED):
            (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def folder(self, dataset_id: str, number: int) -> Path:
        """Where a version lies, whether it is there or not."""
        if not _DATASET.fullmatch(dataset_id) or number < 0:
            raise ValueError("not the name of a dataset version")
        return self._root / dataset_id / f"v{number}"

    @property
    def editions(self) -> Path:
        """Where the databases of editions lie."""
        return self._root / _EDITIONS

    def incoming(self) -> Path:
        """A fresh path for an upload."""
        return self._root / _INCOMING / uuid.uuid4().hex

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A fresh folder to make a version in; whatever is left in it afterwards is removed."""
        with tempfile.TemporaryDirectory(dir=self._root / _BUILDING, ignore_cleanup_errors=True) as folder:
            inner = Path(folder) / "version"
            inner.mkdir(mode=0o700)
            yield inner

    def publish(self, built: Path, dataset_id: str, number: int) -> None:
        """Give a built version its name, in place of what an earlier attempt left there. Durable on return."""
        final = self.folder(dataset_id, number)
        if not final.parent.exists():
            final.parent.mkdir(mode=0o700, exist_ok=True)
            sync(self._root)
        self._set_aside(final)
        built.rename(final)  # COMMIT POINT
        sync(final.parent)
        self._empty(_REMOVED)

    def remove(self, dataset_id: str, number: int) -> None:
        """Remove a version; its name is gone, durably, before the first of its files is."""
        final = self.folder(dataset_id, number)
        if self._set_aside(final):
            sync(final.parent)
        self._empty(_REMOVED)

    def sweep(self, known: Callable[[str, int], bool]) -> None:
        """Remove uploads, half-made versions and those that are not known."""
        for dataset in self._datasets():
            for version in dataset.iterdir():
                number = _VERSION.fullmatch(version.name)
                if number is None or not known(dataset.name, int(number[1])):
                    self._set_aside(version)
            if not any(dataset.iterdir()):
                dataset.rmdir()
        for name in (_BUILDING, _INCOMING, _REMOVED):
            self._empty(name)
        sync(self._root)

    def _datasets(self) -> list[Path]:
        return [each for each in self._root.iterdir() if each.is_dir() and not each.name.startswith(".")]

    def _set_aside(self, path: Path) -> bool:
        try:
            path.rename(self._root / _REMOVED / uuid.uuid4().hex)
        except FileNotFoundError:
            return False
        return True

    def _empty(self, name: str) -> None:
        for each in (self._root / name).iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)
