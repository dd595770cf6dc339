"""Records encoded before they are asked for: whoever reads page after page will want the next ones, too.

Encoding a thousand records takes little longer than encoding a hundred. What is kept here has not been
released, and none of it leaves before it is.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Final

from xase_server.delivery.lines import Lines
from xase_server.delivery.mixed import has_mixed
from xase_server.ports import Numbers, Table
from xase_server.services.planning import Plan

ROWS: Final = 1_024
"""Places encoded at once. It takes 0.7 ms, for which every other caller waits."""

_WIDEST: Final = 1 << 20
"""Bytes of Arrow memory; more are not encoded at once, and pages of such records go alone."""

_FARTHEST: Final = 1 << 17
"""Record numbers from the first to the last; what lies farther apart takes some ms to gather, on a thread."""

_BYTES_EACH: Final = 512
"""About what remembering takes by itself."""

Take = Callable[[Plan, Numbers], Table]
"""The rows with these numbers in the shape of a plan that is not computed."""

Run = Callable[[Callable[[], Lines | None]], Awaitable[Lines | None]]
"""Does work on a thread of its own."""


class Ahead:
    """The JSON of records at some places of some plans, the latest used, within a bound of memory.

    With more readers at a time than fit, each finds what it had encoded gone, and pays twice for a page.
    """

    def __init__(self, take: Take, run: Run, most_bytes: int = 64 << 20) -> None:
        self._take = take
        self._run = run
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, Lines | None] = OrderedDict()
        self._bytes = 0

    async def records(self, plan: Plan, places: range) -> bytes | None:
        """What the plan finds at these places, as a JSON list; None where encoding it alone is better."""
        if not places or plan.shape.computed or plan.view.keeps_tokens or len(plan.hidden):
            return None
        pieces = []
        for first in range(places.start - places.start % ROWS, places.stop, ROWS):
            lines = await self._lines(plan, first)
            if lines is None:
                return None
            pieces.append(lines.between(max(places.start - first, 0), min(places.stop - first, len(lines))))
        return b"[%b]" % b",".join(pieces)

    async def _lines(self, plan: Plan, first: int) -> Lines | None:
        key = (plan.view.number, plan.wanted.canonical, first)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        numbers = plan.selection.numbers(first, first + ROWS)
        encode = partial(self._encoded, plan, numbers)
        lines = await self._run(encode) if int(numbers.max() - numbers.min()) > _FARTHEST else encode()
        self._keep(key, lines)
        return lines

    def _keep(self, key: Hashable, lines: Lines | None) -> None:
        """In place of what somebody else may have encoded meanwhile."""
        if key in self._kept:
            self._bytes -= _size(self._kept.pop(key))
        self._kept[key] = lines
        self._bytes += _size(lines)
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)

    def _encoded(self, plan: Plan, numbers: Numbers) -> Lines | None:
        if has_mixed(plan.shape.types):
            return None
        table = self._take(plan, numbers)
        return None if table.nbytes > _WIDEST else Lines(table, plan.shape.types)


def _size(lines: Lines | None) -> int:
    return _BYTES_EACH + (0 if lines is None else lines.size)
