"""The background thread that empties a spool."""

import logging
import threading
import time
from collections.abc import Callable
from random import random
from typing import Final, Protocol

from xase._client.retry import Backoff
from xase._client.spool.delivery import deliver_next
from xase._client.spool.lock import DeliveryLock
from xase._client.spool.store import Spool
from xase.errors import APIError, XaseError

LOG: Final = logging.getLogger("xase.spool")
TURN_SECONDS: Final = 0.2
"""How long to leave the spool to another process that is delivering."""


class Carrier(Protocol):
    """The way to the server, for one thread."""

    def send(self, content: bytes, idempotency_key: str) -> None:
        """Deliver a batch; returning means that the server acknowledged it. Raises XaseError."""
        ...

    def organisation(self) -> str:
        """Whose the API key is. Raises XaseError."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def drain(spool: Spool, carrier: Carrier, is_over: Callable[[], bool]) -> int:
    """Deliver until nothing waits or `is_over`; the number of decisions acknowledged.

    The caller holds the delivery lock. Raises the `XaseError` that keeps the next batch back.
    """
    state = spool.state()
    if not (state.waiting or state.foreign):
        return 0
    if not spool.knows_owner():
        spool.learn_owner(carrier.organisation())
    delivered = 0
    while not is_over() and (count := deliver_next(spool, carrier.send)) is not None:
        delivered += count
    spool.checkpoint()
    return delivered


class Courier:
    """Delivers what waits, whenever it is woken, until it is stopped. Failures only delay it."""

    def __init__(self, open_spool: Callable[[], Spool], connect: Callable[[], Carrier], lock: DeliveryLock) -> None:
        self._open_spool = open_spool
        self._connect = connect
        self.lock = lock
        self._changed = threading.Condition()
        self._is_woken = True  # what an earlier process left behind
        self._is_hurried = False
        self._is_stopping = False
        self.last_error: XaseError | None = None
        self._thread = self._begin()

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="xase-courier", daemon=True)
        thread.start()
        return thread

    def wake(self, *, hurry: bool = False) -> None:
        """There is something to deliver. With `hurry` a pause after a failure ends now; else it takes its time."""
        with self._changed:
            self._is_woken = True
            self._is_hurried |= hurry
            self._changed.notify_all()
            if not self._thread.is_alive() and not self._is_stopping:  # its file could not be opened
                self._thread = self._begin()

    def wait_for_round(self, seconds: float) -> None:
        """Return when a round of deliveries has ended, or after `seconds`."""
        with self._changed:
            self._changed.wait(seconds)

    def stop(self, patience: float) -> None:
        """End after the batch in hand; wait for that at most `patience` seconds."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            spool = self._open_spool()
        except XaseError as error:
            self._note(error)
            return
        carrier = self._connect()
        try:
            self._work(spool, carrier)
        finally:
            carrier.close()
            spool.close()

    def _work(self, spool: Spool, carrier: Carrier) -> None:
        backoff, failures = Backoff(), 0
        while self._sleep_until_needed():
            error = self._round(spool, carrier)
            failures = failures + 1 if error else 0
            if error is None:
                continue
            pause = backoff.pause(failures - 1, random())  # noqa: S311 - jitter, not a secret
            if self._is_cut_short(max(pause, error.retry_after or 0.0) if isinstance(error, APIError) else pause):
                failures = 0

    def _note(self, error: XaseError | None) -> None:
        """Remember how the last round ended; log what is new, not every attempt of a long outage."""
        if error is not None and type(error) is not type(self.last_error):
            LOG.warning("captured decisions wait: %s", error)
        elif error is None and self.last_error is not None:
            LOG.info("captured decisions are being delivered again")
        self.last_error = error

    def _sleep_until_needed(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_woken or self._is_stopping)
            self._is_woken = self._is_hurried = False
            return not self._is_stopping

    def _is_cut_short(self, pause: float) -> bool:
        """Pause after a failure; whether somebody was in a hurry meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_hurried or self._is_stopping, pause)
            self._is_woken = True  # what could not be delivered still waits
            return self._is_hurried

    def _round(self, spool: Spool, carrier: Carrier) -> XaseError | None:
        """What went wrong in one round, if anything."""
        try:
            if not self.lock.acquire():
                self._yield_turn(spool)
                return None
            drain(spool, carrier, lambda: self._is_stopping)
            self._note(None)
        except XaseError as error:
            self._note(error)
        finally:
            self.lock.release()
        with self._changed:
            self._changed.notify_all()
        return self.last_error

    def _yield_turn(self, spool: Spool) -> None:
        """Another process delivers; look again in a moment if anything still waits."""
        time.sleep(TURN_SECONDS)
        if spool.state().waiting:
            self.wake()
