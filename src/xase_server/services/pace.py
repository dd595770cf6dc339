"""How fast a session and its organisation may go, and how much they may do at a time, as one server sees it.

Every request counts here, those too that release nothing and so are in no ledger; what is released is counted
beside the ledger, for all servers together.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

from xase_server.domain.quotas import NONE_COUNTED, Counted, Rate, TooFast, used_up

_MOST_COUNTED: Final = 100_000


class Room(NamedTuple):
    """How many requests of an account may run at a time."""

    account: str
    most: int
    scope: str


class Pace:
    """Counts the requests of accounts in each of their periods, and those that run now."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, int], Counted] = {}
        self._running: dict[str, int] = {}

    def take(self, rates: Iterable[Rate], now_ms: int) -> None:
        """Count a request against every rate; raises `rate_limit_exceeded` when it is one too many for any."""
        for rate in rates:
            counted = rate.now(self._counted.get(rate.key, NONE_COUNTED), now_ms)
            if not counted.requests:
                self._forget(now_ms)
            self._counted[rate.key] = Counted(counted.period, counted.requests + 1)
            refuse_too_fast(rate, counted, now_ms)

    @contextmanager
    def running(self, rooms: Iterable[Room]) -> Iterator[None]:
        """Hold a place in each room while the block runs; raises `quota_exceeded` when one has none left."""
        with ExitStack() as stack:
            for room in rooms:
                stack.enter_context(self._place(room))
            yield

    @contextmanager
    def _place(self, room: Room) -> Iterator[None]:
        now = self._running.get(room.account, 0)
        if now >= room.most:
            raise used_up("max_concurrent", room.most, now, room.scope)
        self._running[room.account] = now + 1
        try:
            yield
        finally:
            self._running[room.account] -= 1
            if not self._running[room.account]:
                del self._running[room.account]

    def _forget(self, now_ms: int) -> None:
        """Drop periods that are over, once there are too many."""
        if len(self._counted) >= _MOST_COUNTED:
            self._counted = {
                (account, period_ms): counted
                for (account, period_ms), counted in self._counted.items()
                if now_ms // period_ms <= counted.period
            }


def refuse_too_fast(rate: Rate, counted: Counted, now_ms: int) -> None:
    """Raise `rate_limit_exceeded` when the period at hand has no room for one request more."""
    if counted.requests >= rate.limit:
        raise TooFast(rate.scope, rate.limit, rate.period_ms, reset_ms=rate.resets_ms(counted), now_ms=now_ms)
