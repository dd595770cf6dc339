"""Time enters the server here and nowhere else."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time in milliseconds since 1970-01-01 UTC."""

    def now_ms(self) -> int:
        """The present; it may step back, which the ledger notices."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now_ms(self) -> int:
        """Now, as the machine sees it."""
        return time.time_ns() // 1_000_000
