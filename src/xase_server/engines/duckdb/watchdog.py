"""One thread that interrupts the queries whose time is up: one for each query would cost more than a small query."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

# An interrupt is repeated this often: a query that has not begun does not notice it.
_AGAIN: Final = 0.01


class Interruptible(Protocol):
    """What can be stopped from another thread."""

    def interrupt(self) -> None:
        """Stop what runs now, if anything does."""
        ...


class Watchdog:
    """Interrupts what runs too long; its thread starts with the first query and sleeps until the next deadline."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: dict[object, tuple[float, Interruptible]] = {}
        self._wakes = -math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, running: Interruptible, seconds: float) -> Iterator[None]:
        """Interrupt `running` when the block takes longer, again and again until it ends; never afterwards."""
        key, deadline = object(), time.monotonic() + seconds
        with self._changed:
            self._deadlines[key] = deadline, running
            self._thread = self._thread or self._started()
            if deadline < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                del self._deadlines[key]

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._watch, name="query watchdog", daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        with self._changed:
            while True:
                self._wakes = self._interrupted()
                left = None if self._wakes == math.inf else max(0.0, self._wakes - time.monotonic())
                self._changed.wait(left)

    def _interrupted(self) -> float:
        """Interrupt what is late; the moment at which to look again."""
        now = time.monotonic()
        late = [running for deadline, running in self._deadlines.values() if deadline <= now]
        for running in late:
            running.interrupt()
        return now + _AGAIN if late else min((deadline for deadline, _ in self._deadlines.values()), default=math.inf)
