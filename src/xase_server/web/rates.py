"""How many requests a caller may make, and how every answer says so.

Fixed windows of a minute, counted in this process. The `limits` library counts them alike, but
starts a thread a hundred times a second to forget old ones, which cost a tenth of what a server
could answer. Headers: `RateLimit` and
`RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and the older `X-RateLimit-*`.
"""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from xase_server.domain.errors import Refused
from xase_server.domain.quotas import TooFast

PERIOD_SECONDS: Final = 60
_MOST_CALLERS: Final = 100_000


class Quota(NamedTuple):
    """What is left to one caller: `used` of `limit` requests until `reset`, seen at `now` (epoch seconds).

    `name` says whose limit it is, `window` how many seconds it is for.
    """

    limit: int
    used: int
    reset: float
    now: float
    name: bytes = b"key"
    window: int = PERIOD_SECONDS

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that state it."""
        left = max(0, self.limit - self.used)
        return [
            (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (self.name, self.limit, self.window)),
            (b"ratelimit", b'"%b";r=%d;t=%d' % (self.name, left, self._seconds())),
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self.reset)),
        ]

    def refusal(self) -> Refused:
        """The 429 of a caller that went beyond it."""
        reset_ms, now_ms = math.ceil(self.reset) * 1000, math.floor(self.now * 1000)
        return TooFast(self.name.decode(), self.limit, self.window * 1000, reset_ms=reset_ms, now_ms=now_ms)

    def _seconds(self) -> int:
        return min(self.window, max(0, math.ceil(self.reset - self.now)))


def quota_of(refusal: TooFast) -> Quota:
    """What is left under a policy's limit that has refused: nothing, until it resets."""
    reset, window = refusal.reset_ms / 1000, -(-refusal.period_ms // 1000)
    name = refusal.scope.encode()
    return Quota(refusal.limit, refusal.limit, reset, reset - (refusal.retry_after or 0), name, window)


class _Window:
    """A minute of one caller."""

    __slots__ = ("reset", "used")

    def __init__(self, reset: float) -> None:
        self.reset = reset
        self.used = 0


class Rates:
    """Counts the requests of each caller: a key, or the address of one that has none."""

    def __init__(self, limit: int, now: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._now = now
        self._windows: dict[str, _Window] = {}

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._limit > 0

    def take(self, caller: str, *, cost: int = 1) -> Quota:
        """Count a request; with `cost` 0 only look."""
        now = self._now()
        window = self._windows.get(caller)
        if window is None or now >= window.reset:
            window = self._begin(caller, now)
        window.used += cost
        return Quota(self._limit, window.used, window.reset, now)

    def _begin(self, caller: str, now: float) -> _Window:
        """A new window; when too many callers are known, those whose minute is over are forgotten."""
        if len(self._windows) >= _MOST_CALLERS:
            self._windows = {name: each for name, each in self._windows.items() if now < each.reset}
        window = self._windows[caller] = _Window(now + PERIOD_SECONDS)
        return window
