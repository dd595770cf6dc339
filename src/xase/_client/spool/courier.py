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
        self._is_stopping = False
        self.last_error: XaseError | None = None
        self._thread = self._begin()

    def _begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="xase-courier", daemon=True)
        thread.start()
        return thread

    def wake(self) -> None:
        """There is something to deliver, or a reason to try again now."""
        with self._changed:
            self._is_woken = True
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
            failures = failures + 1 if self._round(spool, carrier) else 0
            if failures and not self._is_stopping:
                self._pause(backoff.pause(failures - 1, random()))  # noqa: S311 - jitter, not a secret

    def _note(self, error: XaseError) -> None:
        LOG.warning("decisions wait in the spool: %s", error)
        self.last_error = error

    def _sleep_until_needed(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_woken or self._is_stopping)
            self._is_woken = False
            return not self._is_stopping

    def _pause(self, seconds: float) -> None:
        asked = self.last_error.retry_after if isinstance(self.last_error, APIError) else None
        with self._changed:
            self._changed.wait_for(lambda: self._is_woken or self._is_stopping, max(seconds, asked or 0.0))
            self._is_woken = True  # what could not be delivered still waits

    def _round(self, spool: Spool, carrier: Carrier) -> bool:
        """Whether something went wrong in one round."""
        if not self.lock.acquire():
            self._yield_turn(spool)
            return False
        try:
            drain(spool, carrier, lambda: self._is_stopping)
            self.last_error = None
        except XaseError as error:
            self._note(error)
        finally:
            self.lock.release()
        with self._changed:
            self._changed.notify_all()
        return self.last_error is not None

    def _yield_turn(self, spool: Spool) -> None:
        """Another process delivers; look again in a moment if anything still waits."""
        time.sleep(TURN_SECONDS)
        if spool.state().waiting:
            self.wake()
