"""The system's random bytes, taken many at a time.

A system call gives up the interpreter's lock, and under load it takes long to get it back: three
such calls for each decision cost a third of what a server could record.
"""

import os
import threading
from typing import Final

_STOCK: Final = 1 << 16


class Randomness:
    """Bytes of `os.urandom`, each given out once, to any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stock = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        """`count` bytes that nobody had before."""
        with self._lock:
            end = self._used + count
            if end > len(self._stock):
                self._stock = os.urandom(max(count, _STOCK))
                self._used, end = 0, count
            taken = self._stock[self._used : end]
            self._used = end
        return taken

    def forget(self) -> None:
        """Leave the rest of the stock to the process that this one was forked from."""
        self._lock = threading.Lock()
        self._stock, self._used = b"", 0


_randomness: Final = Randomness()
os.register_at_fork(after_in_child=_randomness.forget)

random_bytes: Final = _randomness.take
