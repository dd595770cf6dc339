"""Which records a query has found, in its order: made once, cut into pages of equal cost at any depth."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

import numpy as np

from xase_server.delivery.order import Permutation, share
from xase_server.ports import Numbers
from xase_server.services.wanted import Order

_SMALL: Final = 2**32


class Selection(Protocol):
    """The numbers of the records that a query has found, by their place in its answer."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def numbers(self, start: int, stop: int) -> Numbers:
        """The record numbers at the places from `start` to before `stop`."""
        ...

    @property
    def size(self) -> int:
        """Bytes of memory that it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """All records, in dataset order."""

    count: int

    def __len__(self) -> int:
        return self.count

    def numbers(self, start: int, stop: int) -> Numbers:
        """See `Selection.numbers`."""
        return np.arange(start, min(stop, self.count), dtype=np.int64)

    @property
    def size(self) -> int:
        """Nothing is held."""
        return 0


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """What an engine has found, four bytes a number where four are enough."""

    found: np.ndarray[tuple[int], np.dtype[np.uint32] | np.dtype[np.int64]]

    @classmethod
    def of(cls, numbers: Sequence[int], rows: int) -> "Listed":
        """An engine's answer over a version of so many rows."""
        found = np.asarray(numbers, dtype=np.int64)
        return cls(found.astype(np.uint32) if rows < _SMALL else found)

    def __len__(self) -> int:
        return len(self.found)

    def numbers(self, start: int, stop: int) -> Numbers:
        """See `Selection.numbers`."""
        return self.found[start:stop].astype(np.int64)

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return self.found.nbytes


class Shared:
    """One rank's share of a selection in training order."""

    def __init__(self, base: Selection, order: Order) -> None:
        self._base = base
        self._permutation = Permutation(len(base), order.seed, order.epoch)
        self._places = share(min(order.start, len(base)), len(base), order.world_size, order.rank)

    def __len__(self) -> int:
        return len(self._places)

    def numbers(self, start: int, stop: int) -> Numbers:
        """See `Selection.numbers`."""
        places = self._places[start:stop]
        return _picked(self._base, self._permutation.at(np.arange(places.start, places.stop, places.step)))

    @property
    def size(self) -> int:
        """What lies below is counted there."""
        return 0


def _picked(base: Selection, places: Numbers) -> Numbers:
    """The record numbers at scattered places."""
    if isinstance(base, Every):
        return places
    assert isinstance(base, Listed), "a share is taken of a query's answer"
    return base.found[places].astype(np.int64)


class Selections:
    """Keeps what was found lately, within a bound of memory; a query that comes again is not run again."""

    def __init__(self, most_bytes: int = 256 << 20) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, Selection] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Selection | None:
        """What is kept under this key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def find(self, key: Hashable, search: Callable[[], Selection]) -> Selection:
        """What is kept under this key, or what the search gives; the oldest makes room for it."""
        found = self.get(key)
        if found is None:
            found = search()
            self._keep(key, found)
        return found

    def _keep(self, key: Hashable, found: Selection) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += found.size - (before.size if before is not None else 0)
            self._kept[key] = found
            while self._bytes > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.size
