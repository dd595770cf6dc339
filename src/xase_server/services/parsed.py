"""Documents of objects, parsed once: what an object is at one revision never changes."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from xase_server.domain.objects import ObjectRef, ObjectRow

T = TypeVar("T")

_MOST: Final = 10_000


class Parsed:
    """What documents say, by object and revision; forgets everything when it holds too much."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[tuple[ObjectRef, int], Any] = {}

    def of(self, row: ObjectRow, parse: Callable[[ObjectRow], T]) -> T:
        """What `parse` makes of the row; each kind of object must always be given the same `parse`."""
        key = (row.ref, row.revision)
        found: T | None = self._known.get(key)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[key] = parse(row)
        return found
