"""How many requests a caller may make, and how every answer says so.

Fixed windows of a minute, counted in this process by `limits`. Headers: `RateLimit` and
`RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and the older `X-RateLimit-*`.
"""

import math
from dataclasses import dataclass
from typing import Final

from limits.storage import MemoryStorage

from xase.proof.entry import format_time
from xase_server.domain.errors import Refused

PERIOD_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left to one caller: `used` of `limit` requests until `reset` (epoch seconds)."""

    limit: int
    used: int
    reset: float

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """The headers that state it."""
        left = max(0, self.limit - self.used)
        return [
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.limit, PERIOD_SECONDS)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (left, self._seconds(now))),
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self.reset)),
        ]

    def refusal(self) -> Refused:
        """The 429 of a caller that went beyond it."""
        reset_at = format_time(math.ceil(self.reset) * 1000)
        return Refused(
            "rate_limit_exceeded", "Rate limit exceeded", {"limit": self.limit, "period": "1m", "reset_at": reset_at}
        )

    def retry_after(self, now: float) -> bytes:
        """Seconds until the window ends, at least one."""
        return b"%d" % max(1, self._seconds(now))

    def _seconds(self, now: float) -> int:
        return min(PERIOD_SECONDS, max(0, math.ceil(self.reset - now)))


class Rates:
    """Counts the requests of each caller: a key, or the address of one that has none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._windows = MemoryStorage()

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._limit > 0

    def take(self, caller: str, *, cost: int = 1) -> Quota:
        """Count a request; with `cost` 0 only look."""
        used = self._windows.incr(caller, PERIOD_SECONDS, cost) if cost else self._windows.get(caller)
        return Quota(self._limit, used, self._windows.get_expiry(caller))
