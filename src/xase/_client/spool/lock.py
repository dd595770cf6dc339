"""One deliverer at a time for a spool, among all processes of the machine.

The kernel gives the lock back when its holder ends, however it ends: no lease, no clock.
"""

import fcntl
import os
from pathlib import Path

from xase.errors import SpoolError


class DeliveryLock:
    """An exclusive lock on a file beside the spool. Not reentrant, and one holder per object."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(f"{spool.name}-delivery")
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting. Raises SpoolError when its file cannot be opened."""
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(f"the spool cannot be used: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back, if it is held; copies of the descriptor in forked children no longer matter."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """In a forked child: drop the copy of the parent's descriptor and leave its lock alone."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
