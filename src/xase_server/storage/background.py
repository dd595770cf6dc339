"""Threads that keep house beside the commits: they have a processor when nobody who waits for an answer wants it."""

import os
import sys
import threading
from typing import Final

_NICENESS: Final = 10
"""About a tenth of a processor that somebody else wants; all of one that nobody does."""


def stand_back() -> None:
    """Let the calling thread come after all others, where the system knows such a thing of a thread: on Linux."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
