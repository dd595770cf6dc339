"""What a client holds of the spool: it takes decisions in, and lets a courier carry them."""

import atexit
import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from xase._client.config import Config
from xase._client.spool.courier import Carrier, Courier, drain
from xase._client.spool.lock import DeliveryLock
from xase._client.spool.store import RejectedItem, Spool
from xase.errors import ConfigurationError, SpoolError

POLL_SECONDS: Final = 0.05
"""How often `flush` looks for what another process has delivered."""

MOST_SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """What the spool holds, in decisions and bytes, and why the last delivery failed, if it did.

    `foreign` are decisions captured with keys of another organisation, or of one not yet known.
    """

    waiting: int
    foreign: int
    rejected: int
    bytes: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class RejectedCapture:
    """A captured decision that was set aside: the server refused it, or may hold it already.

    `fields` is the decision as captured. Its repr leaves them out.
    """

    id: str
    captured_at: str
    status: int | None
    slug: str
    error: str
    fields: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"RejectedCapture(id={self.id!r}, slug={self.slug!r}, error={self.error!r})"


@dataclass(slots=True)
class _Open:
    """The parts that begin with the first capture and end with the client, or with a fork."""

    spool: Spool
    courier: Courier

    def await_empty(self, seconds: float) -> int:
        """Wait for the courier at most this long; the number of decisions still waiting."""
        limit = time.monotonic() + seconds
        self.courier.wake(hurry=True)
        while (waiting := self.spool.state().waiting) and (remaining := limit - time.monotonic()) > 0:
            self.courier.wait_for_round(min(POLL_SECONDS, remaining))
        return waiting


class Outbox:
    """Takes decisions in at once and has them delivered in the background.

    `connect` makes a way to the server that repeats a failed request so many times.

    Nothing is opened and no thread runs before it is first used. After a fork the child begins
    afresh, on the same file.
    """

    def __init__(self, config: Config, connect: Callable[[int], Carrier]) -> None:
        self.path: Path = config.spool_path
        self._config = config
        self._connect = connect
        self._gate = threading.Lock()
        self._open: _Open | None = None
        self._is_closed = False
        _LIVING.add(self)

    def add(self, body: bytes) -> str:
        """Take one encoded decision in and answer its id. Raises SpoolFull, SpoolError, ValueError."""
        if len(body) > self._config.spool_limits.item_bytes:
            raise ValueError(f"a captured decision has at most {self._config.spool_limits.item_bytes} bytes")
        opened = self._opened()
        identifier = opened.spool.add(body)
        opened.courier.wake()
        return identifier

    def flush(self, timeout: float) -> int:
        """Wait until everything is delivered or `timeout` seconds are over; the number still waiting."""
        return self._opened().await_empty(timeout)

    def sync(self, timeout: float) -> int:
        """Deliver everything now, in this thread; the number of decisions acknowledged.

        Raises the error that keeps a batch from being delivered, and SpoolError when another
        process has been delivering for `timeout` seconds.
        """
        limit = time.monotonic() + timeout
        lock = DeliveryLock(self.path)
        spool = self._make_spool(wait_for_disk=True)
        carrier = self._connect(self._config.max_retries)
        try:
            self._await_turn(lock, limit)
            return drain(spool, carrier, lambda: time.monotonic() > limit)
        finally:
            lock.release()
            carrier.close()
            spool.close()

    def status(self) -> SpoolStatus:
        """The counts now; cheap."""
        opened = self._opened()
        state = opened.spool.state()
        error = opened.courier.last_error
        return SpoolStatus(state.waiting, state.foreign, state.rejected, state.bytes, str(error) if error else None)

    def rejected(self) -> list[RejectedCapture]:
        """The decisions that were set aside, oldest first, at most a thousand."""
        return [_shown(item) for item in self._opened().spool.rejected(MOST_SHOWN)]

    def resubmit(self, identifier: str) -> bool:
        """Deliver a rejected decision after all; whether there was one."""
        opened = self._opened()
        found = opened.spool.resubmit(identifier)
        opened.courier.wake(hurry=True)
        return found

    def discard(self, identifier: str) -> bool:
        """Throw a rejected decision away for good; whether there was one."""
        return self._opened().spool.discard(identifier)

    def close(self) -> None:
        """Try to deliver what waits, for a short time; what remains stays in the file for the next process."""
        with self._gate:
            opened, self._open, self._is_closed = self._open, None, True
        if opened is None:
            return
        atexit.unregister(self.close)
        patience = self._config.spool_limits.exit_flush
        opened.await_empty(patience)
        opened.courier.stop(patience)
        opened.spool.close()

    def forget(self) -> None:
        """In a forked child: leave what the parent holds alone, and begin afresh when used."""
        if self._open is not None:
            self._open.courier.lock.forget()
        self._gate = threading.Lock()
        self._open = None

    def _opened(self) -> _Open:
        with self._gate:
            if self._is_closed:
                raise ConfigurationError("the client is closed")
            if self._open is None:
                spool = self._make_spool(wait_for_disk=False)
                courier = Courier(
                    open_spool=lambda: self._make_spool(wait_for_disk=True),
                    connect=lambda: self._connect(0),  # the courier has pauses of its own
                    lock=DeliveryLock(self.path),
                )
                self._open = _Open(spool, courier)
                atexit.register(self.close)
            return self._open

    def _make_spool(self, *, wait_for_disk: bool) -> Spool:
        config = self._config
        return Spool(
            self.path,
            server=config.base_url,
            key=config.key_fingerprint,
            limits=config.spool_limits,
            wait_for_disk=wait_for_disk,
        )

    @staticmethod
    def _await_turn(lock: DeliveryLock, limit: float) -> None:
        while not lock.acquire():
            if time.monotonic() > limit:
                raise SpoolError("another process is delivering from this spool")
            time.sleep(POLL_SECONDS)


def _shown(item: RejectedItem) -> RejectedCapture:
    captured = datetime.fromtimestamp(item.captured_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return RejectedCapture(
        id=item.id,
        captured_at=captured.replace("+00:00", "Z"),
        status=item.status,
        slug=item.slug,
        error=item.error,
        fields=json.loads(item.body),
    )


_LIVING: Final[weakref.WeakSet[Outbox]] = weakref.WeakSet()


def _forget_all() -> None:
    for outbox in list(_LIVING):
        outbox.forget()


os.register_at_fork(after_in_child=_forget_all)
