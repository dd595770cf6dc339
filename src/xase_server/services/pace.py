"""How fast a session may go, and how much it may do at a time, where its contract says so.

Fixed windows, counted in this process: several servers of one store each allow the limit.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from xase.proof.entry import format_time
from xase_server.domain.errors import Refused
from xase_server.domain.times import format_duration

_MOST_WINDOWS: Final = 100_000


class Pace:
    """Counts the requests of sessions in each of their periods, and those that run now."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}
        self._running: dict[str, int] = {}

    def take(self, session_id: str, limits: Iterable[tuple[int, int]], now_ms: int) -> None:
        """Count a request against every limit; raises `rate_limit_exceeded` when it is one too many for any."""
        for limit, period_ms in limits:
            used, reset_ms = self._windows.get((session_id, period_ms), (0, 0))
            if now_ms >= reset_ms:
                self._forget(now_ms)
                used, reset_ms = 0, now_ms + period_ms
            self._windows[session_id, period_ms] = (used + 1, reset_ms)
            if used >= limit:
                raise Refused(
                    "rate_limit_exceeded",
                    "Rate limit exceeded",
                    {"limit": limit, "period": format_duration(period_ms), "reset_at": format_time(reset_ms)},
                    retry_after=max(1, -(-(reset_ms - now_ms) // 1000)),
                )

    @contextmanager
    def running(self, session_id: str, most: int | None) -> Iterator[None]:
        """Hold one of the session's places while the block runs; raises `quota_exceeded` when all are taken."""
        now = self._running.get(session_id, 0)
        if most is not None and now >= most:
            raise used_up("max_concurrent", most, now)
        self._running[session_id] = now + 1
        try:
            yield
        finally:
            self._running[session_id] -= 1
            if not self._running[session_id]:
                del self._running[session_id]

    def _forget(self, now_ms: int) -> None:
        """Drop windows that are over, once there are too many."""
        if len(self._windows) >= _MOST_WINDOWS:
            self._windows = {name: each for name, each in self._windows.items() if now_ms < each[1]}


def used_up(quota: str, limit: int, used: int) -> Refused:
    """The refusal of a session that has used up what its contract gives it."""
    left = max(0, limit - used)
    details = {"quota": quota, "limit": limit, "used": used, "left": left, "resets_at": None}
    message = (
        "This is more than the policy leaves the session" if left else "The session has used up what the policy allows"
    )
    return Refused("quota_exceeded", message, details)
