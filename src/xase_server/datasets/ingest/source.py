"""The file that is read: opened once, without following a link, and watched for changes under us."""

import os
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Self

from xase_server.datasets.bounds import Bounds
from xase_server.ports.datasets import FORMATS, Format, IngestProblem

_BOM = b"\xef\xbb\xbf"
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow",
    ".ipc": "arrow", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv",
}  # fmt: skip


class Source:
    """An opened file. Raises IngestProblem when it is no regular file, empty or too long."""

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        with ExitStack() as opened:
            self.stream = opened.enter_context(_opened(path))
            self._before = os.fstat(self.stream.fileno())
            if not stat.S_ISREG(self._before.st_mode):
                raise _unreadable()
            self.size = self._before.st_size
            bounds.check_source(self.size)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def temporary(self) -> Any:
        """A file without a name that lasts as long as this one is open."""
        return self._opened.enter_context(tempfile.TemporaryFile())

    def check_unchanged(self) -> None:
        """Raise IngestProblem when somebody wrote to the file meanwhile."""
        now = os.fstat(self.stream.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise IngestProblem("The file was changed while it was read")

    def format(self) -> Format:
        """What the content shows, else what the name says; raises IngestProblem for what is none of FORMATS."""
        self.stream.seek(0)
        head = self.stream.read(4096)
        self.stream.seek(0)
        for magic, name in _COMPRESSED.items():
            if head.startswith(magic):
                raise IngestProblem(
                    f"The file is compressed with {name}; only plain {', '.join(FORMATS)} files are read"
                )
        return _binary(head) or _text(head, self.path.suffix.lower())


def _opened(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError:
        raise _unreadable() from None


def _unreadable() -> IngestProblem:
    return IngestProblem("The file cannot be opened")


def _binary(head: bytes) -> Format | None:
    if head.startswith(b"PARE"):
        raise IngestProblem("The Parquet file is encrypted")
    if head.startswith(b"PAR1"):
        return "parquet"
    return "arrow" if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")) else None


def _text(head: bytes, suffix: str) -> Format:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise IngestProblem("The text is UTF-16; only UTF-8 is read")
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b"{"):
        return "ndjson"
    named = _SUFFIXES.get(suffix)
    if text.startswith(b"[") and named != "csv":
        raise IngestProblem("The file is one JSON list; write one object a line (NDJSON)")
    if b"\0" in head or named in {"parquet", "arrow"}:
        raise IngestProblem(f"The content is none of {', '.join(FORMATS)}, or it is damaged")
    return named or "csv"


def without_bom(block: bytes) -> bytes:
    """A text's first bytes without the byte order mark that some programs put there."""
    return block.removeprefix(_BOM)
