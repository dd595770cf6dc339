"""Opened versions, shared by all who read them; those not read for longest are let go first."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable

from xase_server.datasets.opened import OpenedVersion

Key = tuple[str, int]


class Shelf:
    """At most so many versions. Opening one never waits for the opening of another."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: OrderedDict[Key, OpenedVersion] = OrderedDict()
        self._opening: defaultdict[Key, threading.Lock] = defaultdict(threading.Lock)

    def get(self, key: Key, make: Callable[[], OpenedVersion]) -> OpenedVersion:
        """The opened version; made when it is not there."""
        found = self._found(key)
        if found is not None:
            return found
        with self._lock:
            opening = self._opening[key]
        with opening:
            return self._found(key) or self._kept(key, make())

    def _found(self, key: Key) -> OpenedVersion | None:
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)

    def _kept(self, key: Key, made: OpenedVersion) -> OpenedVersion:
        with self._lock:
            self._open[key] = made
            self._opening.pop(key, None)
            while len(self._open) > self._most:
                self._open.popitem(last=False)  # not closed: somebody may be reading it still
        return made

    def remove(self, key: Key) -> None:
        """Close one version, for its readers too."""
        with self._lock:
            gone = self._open.pop(key, None)
        if gone is not None:
            gone.close()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            gone = list(self._open.values())
            self._open.clear()
        for each in gone:
            each.close()
