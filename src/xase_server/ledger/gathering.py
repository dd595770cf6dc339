"""What the tasks of an event loop hand to the writer, gathered while they still have more.

Handed over one by one, the first of many units that came together would begin a commit of its own, and
the writer would fight for the interpreter's lock, statement by statement, with the loop that prepares
the others: five switches between them for each append, in place of one for ten.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

ENOUGH: Final = 64
"""So many are handed over even while more are coming: nobody waits for an end that does not come."""


class Gathering(Generic[T]):
    """Calls `hand_over`, in the loop's own thread, with what was added since the loop last had nothing to add."""

    def __init__(self, hand_over: Callable[[Sequence[T]], None]) -> None:
        self._hand_over = hand_over
        self._gathered: dict[asyncio.AbstractEventLoop, list[T]] = {}

    def add(self, loop: asyncio.AbstractEventLoop, item: T) -> None:
        """Take the item; called from a task of the running loop `loop`."""
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [item]
            loop.call_soon(self._look, loop, 0)
        else:
            gathered.append(item)

    def __len__(self) -> int:
        """How many items have not been handed over yet."""
        return sum(map(len, list(self._gathered.values())))

    def _look(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Once in each turn of the loop; a turn that added nothing is the end."""
        count = len(self._gathered[loop])
        if seen < count < ENOUGH:
            loop.call_soon(self._look, loop, count)
        else:
            self._hand_over(self._gathered.pop(loop))
