"""Files that are either whole or not there."""

import os
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4


def target_of(path: str | os.PathLike[str], name: str) -> Path:
    """The file that is meant by `path`: itself, or `name` in it if it is a folder."""
    target = Path(path).expanduser()
    return target / name if target.is_dir() else target


class AtomicFile:
    """Bytes on their way to `path`: written beside it, and renamed when they are complete.

    Leaving the `with` block without `keep` throws them away; what stood at `path` is untouched then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
        self._hash = sha256()
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self._hash.update(chunk)
        self._file.write(chunk)

    @property
    def sha256(self) -> str:
        """The hash of what was written, in hex."""
        return self._hash.hexdigest()

    def keep(self) -> None:
        """Put the file in its place, on disk before its name is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.replace(self._path)  # COMMIT POINT

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)
