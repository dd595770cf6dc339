"""Whether and when to try again. Pure: no clock, no randomness, no I/O; those are arguments."""

from dataclasses import dataclass
from typing import Final

from xase.errors import (
    APIError,
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    IdempotencyInProgress,
    Timeout,
    XaseError,
)

REQUEST_TIMEOUT: Final = 408
TOO_MANY_REQUESTS: Final = 429
FIRST_SERVER_ERROR: Final = 500
NEVER: Final = frozenset({501, 505})  # the server will not learn it meanwhile


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from `first` to `longest` seconds, each shortened by up to half at random."""

    max_retries: int = 4
    first: float = 0.25
    longest: float = 8.0

    def pause(self, attempt: int, jitter: float) -> float:
        """The pause after failed attempt number `attempt` (from 0); `jitter` is in [0, 1)."""
        whole = min(self.longest, self.first * 2.0 ** min(attempt, 60))
        return whole * (1.0 - jitter / 2.0)


def is_retryable(error: XaseError) -> bool:
    """Whether the same request, sent again with the same idempotency key, may succeed."""
    if isinstance(error, APIError):
        return isinstance(error, IdempotencyInProgress) or _is_passing(error.status)
    return isinstance(error, ConnectionFailed | ConnectionLost | Timeout) and not isinstance(error, DeadlineExceeded)


def _is_passing(status: int) -> bool:
    return status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or (status >= FIRST_SERVER_ERROR and status not in NEVER)


def next_pause(error: XaseError, *, attempt: int, backoff: Backoff, remaining: float, jitter: float) -> float | None:
    """Seconds to wait before the next attempt, or None to give up and raise `error`.

    `attempt` counts from 0, `remaining` are the seconds left of the deadline (infinite without
    one). What the server asks for with `Retry-After` is a lower bound; a pause that does not fit
    into the deadline is not begun.
    """
    if attempt >= backoff.max_retries or not is_retryable(error):
        return None
    pause = backoff.pause(attempt, jitter)
    if isinstance(error, APIError) and error.retry_after is not None:
        pause = max(pause, error.retry_after)
    return pause if pause < remaining else None
