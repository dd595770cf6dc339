"""Taking turns between processes.

A process that has just written is ready to write again before another has woken up, and would win
every race for SQLite's own lock. So there are two locks: who wants to write queues for the first, and
keeps it until it holds the second. Whoever has just written must queue behind that one.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from xase_server.ports import StorageUnavailable

_PAUSE_SECONDS: Final = 0.0002
_MODE: Final = 0o600


class Gate:
    """A context in which at most one of all holders of this gate is, in turn.

    Locks are those of open files: they end with the process, and also keep two gates of one process
    apart. Raises StorageUnavailable when the turn does not come within `patience` seconds.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._patience = patience
        self._files = [_open(path.with_name(path.name + suffix)) for suffix in ("-queue", "-turn")]

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._patience
        queue, turn = self._files
        _lock(queue, deadline)
        try:
            _lock(turn, deadline)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._files[1], fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the files back."""
        while self._files:
            os.close(self._files.pop())


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StorageUnavailable("another process keeps the database locked") from error
            time.sleep(_PAUSE_SECONDS)
