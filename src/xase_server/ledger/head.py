"""The newest checkpoint, held in a file outside the database.

A database that lost its tail, or was put back to an older copy, verifies perfectly: only what is
remembered elsewhere can tell. The file holds the signed checkpoint, as C2SP writes it.
"""

import contextlib
import os
import secrets
import threading
from collections import deque
from pathlib import Path
from typing import Final

from xase.proof.checkpoint import NoteError, parse_checkpoint, parse_note
from xase_server.durable import sync

_EVERY_SECONDS: Final = 1.0
_PRIVATE: Final = 0o600


def read_held(path: Path) -> str | None:
    """The note that is held, None where none ever was; raises OSError or UnicodeDecodeError when unreadable."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


def write_held(path: Path, note: str) -> None:
    """Hold this note: the file is replaced whole or not at all, and is durable on return."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


class HeadKeeper:
    """Writes the newest committed checkpoint to a file, at most once a second, from a thread of its own.

    `problem` says why the last attempt failed, None when it did not.
    """

    def __init__(self, path: Path, *, every: float = _EVERY_SECONDS) -> None:
        self.problem: str | None = None
        self._path = path
        self._every = every
        self._newest: deque[str] = deque(maxlen=1)
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="xase-head", daemon=True)
        self._thread.start()

    def keep(self, note: str) -> None:
        """This checkpoint has been committed; returns at once."""
        self._newest.append(note)
        self._wanted.set()

    def close(self) -> None:
        """Write what is not yet written and end."""
        self._closing.set()
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            self._write()
            self._closing.wait(self._every)
        self._write()

    def _write(self) -> None:
        if not self._newest:
            return
        note = self._newest[0]
        try:
            if _size(read_held(self._path)) < _size(note):  # another server of this home may be ahead
                write_held(self._path, note)
            self.problem = None
        except (OSError, UnicodeDecodeError) as error:
            self.problem = f"the head cannot be kept outside the database: {error}"
            self._wanted.set()  # tried again without an append, since nobody sends any to a server that is not ready


def _size(note: str | None) -> int:
    with contextlib.suppress(NoteError):
        return parse_checkpoint(parse_note(note or "").body).size
    return -1
