"""Appending: what waits while one commit runs goes into the next, in one transaction.

    queue → head locked and read → claims checked → sealed on that head → checkpoint signed → written
    → COMMIT POINT → callers answered

No timer: a batch is what queued meanwhile. Any doubt at the commit fails those who wait, with an
error that may be retried; the next batch reads everything anew. A retry with the same idempotency
key finds out whether the first attempt had come through.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from xase.proof.checkpoint import NoteVerifier, sign_checkpoint
from xase.proof.keys import LogSigner
from xase_server.domain.clock import Clock
from xase_server.domain.entries import Claim, Committed, Replayed, Unit
from xase_server.domain.errors import Refused, unavailable
from xase_server.ledger.gathering import Gathering
from xase_server.ledger.head import HeadKeeper
from xase_server.ledger.seal import TileMissing, seal
from xase_server.ledger.standing import Standing
from xase_server.ledger.start import Objection, accept, find_damage, find_objection
from xase_server.ports import Head, Storage, StorageUnavailable, Transaction, Unwritable

Outcome = Committed | Replayed | BaseException

MOST_AT_ONCE: Final = 1_024
"""Entries in one commit; a unit that is larger than this is still committed whole."""

MAX_STEP_BACK_MS: Final = 5_000

FAILURE_REMEMBERED_MS: Final = 5_000
"""How long one failed commit means that the ledger is not ready; then the next append is let try."""

_HOUR_MS: Final = 3_600_000


class _Waiting(NamedTuple):
    """A unit and whom to tell; `loop` is None for a caller who blocks."""

    unit: Unit
    loop: asyncio.AbstractEventLoop | None
    future: "asyncio.Future[Committed | Replayed] | Future[Committed | Replayed]"


class _Sorted(NamedTuple):
    """A batch, by idempotency key: used before, to append, and used earlier in this batch (their turn is the next)."""

    answered: list[tuple[_Waiting, Outcome]]
    fresh: list[_Waiting]
    postponed: list[_Waiting]


class Ledger:
    """The one way to append, for all threads and event loops of this process.

    `head_file` is where the newest checkpoint is held outside the database; `retired` verify what
    earlier log keys signed.
    """

    def __init__(
        self,
        storage: Storage,
        signer: LogSigner,
        clock: Clock,
        *,
        head_file: Path | None = None,
        queue_limit: int = 20_000,
        claim_hours: int = 24,
        retired: Sequence[NoteVerifier] = (),
    ) -> None:
        self._storage = storage
        self._signer = signer
        self._verifiers: Sequence[NoteVerifier] = (signer.verifier, *retired)
        self._clock = clock
        self._head_file = head_file
        self._queue_limit = queue_limit
        self._claim_ms = claim_hours * _HOUR_MS
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._gathering = Gathering(self._enqueue)
        self._postponed: list[_Waiting] = []
        self._keeper: HeadKeeper | None = None
        self._objection: Objection | None = None
        self._failed_at_ms: int | None = None
        self._accepts_clock = False
        self._closed = True
        self._writer = threading.Thread(target=self._run, name="xase-ledger", daemon=True)

    # ------------------------------------------------------------------ for everyone

    def start(self, *, accept_head: bool = False, accept_clock: bool = False) -> None:
        """Check the log's end, and that it continues the head held outside; then begin to append.

        When something is wrong every append is refused, `problem` says why, and reading goes on. An
        operator who has decided that the database is right passes `accept_head`; one who knows that
        the clock was set back on purpose passes `accept_clock`. Raises StorageUnavailable when the
        store cannot be read.
        """
        self._accepts_clock = accept_clock
        self._objection = find_objection(self._storage, self._verifiers, self._head_file) or find_damage(
            self._storage, self._verifiers
        )
        if self._objection and self._objection.may_be_accepted and accept_head:
            accept(self._storage, self._head_file)
            self._objection = None
        if self._head_file is not None and self._objection is None:
            self._keeper = HeadKeeper(self._head_file)
            self._keeper.keep(self._storage.read(lambda reads: reads.head()).checkpoint)
        self._closed = False
        self._writer.start()

    def close(self) -> None:
        """Commit what waits, hold the newest head outside, end; later appends are refused."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        if self._keeper is not None:
            self._keeper.close()

    async def append(self, unit: Unit) -> Committed | Replayed:
        """Append the unit whole; on return it is durable, in the tree and under a signed checkpoint.

        Raises Refused: `idempotency_mismatch`, `payload_too_large`, `conflict`, or `unavailable`
        when it is not known to be committed and may be sent again. Raises Stale when an object that
        the unit speaks of has moved on. May be cancelled; the unit is then appended all the same.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Committed | Replayed] = loop.create_future()
        self._refuse_unless_open()
        self._gathering.add(loop, _Waiting(unit, loop, future))
        return await future

    def append_now(self, unit: Unit) -> Committed | Replayed:
        """`append` for callers without an event loop: blocks."""
        future: Future[Committed | Replayed] = Future()
        self._refuse_unless_open()
        self._enqueue((_Waiting(unit, None, future),))
        return future.result()

    @property
    def problem(self) -> str | None:
        """Why appends are refused now, or why the head is not held outside; None when all is well. Reads the store."""
        if self._objection is not None:
            return self._objection.reason
        if self._closed:
            return "the ledger is not running"
        try:
            self._storage.check()
            late = self._clock_problem(self._storage.read(lambda reads: reads.head()))
        except StorageUnavailable as error:
            return str(error)
        return late or self._write_problem() or (self._keeper.problem if self._keeper else None)

    def healthy(self) -> bool:
        """Whether an append would now be taken."""
        return self.problem is None

    def _write_problem(self) -> str | None:
        """A disk that cannot be written may well be read: only commits tell."""
        failed_at_ms = self._failed_at_ms
        if failed_at_ms is None or abs(self._clock.now_ms() - failed_at_ms) > FAILURE_REMEMBERED_MS:
            return None
        return "The last commit failed"

    # ------------------------------------------------------------------ the queue

    def _enqueue(self, arrived: Sequence[_Waiting]) -> None:
        for waiting in arrived:
            self._queue.put(waiting)
        if self._closed and not self._writer.is_alive():
            self._refuse_rest()

    def _refuse_unless_open(self) -> None:
        if self._objection is not None:
            raise unavailable(self._objection.reason, retry_after=60)
        if self._closed:
            raise unavailable("The server is shutting down")
        if self._queue.qsize() + len(self._gathering) >= self._queue_limit:
            raise unavailable("Too many appends are waiting")

    def _run(self) -> None:
        while batch := self._take():
            self._commit(batch, grows=True)
        self._refuse_rest()

    def _take(self) -> list[_Waiting]:
        """What has queued, at least one; nothing when the ledger is closing."""
        batch, self._postponed = self._postponed, []
        self._fill(batch)
        return batch

    def _fill(self, batch: list[_Waiting]) -> None:
        """Take what has queued into the batch, as much as may be in one commit; wait only for its first."""
        entries = sum(len(waiting.unit.appends) for waiting in batch)
        while entries < MOST_AT_ONCE:
            try:
                waiting = self._queue.get(block=not batch)
            except Empty:
                break
            if waiting is None:
                self._queue.put(None)  # seen again when the batch is done
                break
            batch.append(waiting)
            entries += len(waiting.unit.appends)

    def _refuse_rest(self) -> None:
        """What slipped into the queue behind the closing mark."""
        found: list[_Waiting | None] = []
        with contextlib.suppress(Empty):
            while True:
                found.append(self._queue.get_nowait())
        rest = [waiting for waiting in found if waiting is not None]
        self._answer([(waiting, unavailable("The server is shutting down")) for waiting in rest])

    # ------------------------------------------------------------------ one commit

    def _commit(self, batch: list[_Waiting], *, grows: bool) -> None:
        """Commit and answer the batch; when one unit stands in the way, each by itself.

        A batch that grows takes along what queued while another server held the head.
        """
        try:
            outcomes = self._append(batch, grows=grows)
            self._failed_at_ms = None
        except (StorageUnavailable, TileMissing) as error:
            self._failed_at_ms = self._clock.now_ms()
            outcomes = [(waiting, _unknown(error)) for waiting in batch]
        except Refused as refused:
            outcomes = [(waiting, refused) for waiting in batch]
        except Exception as error:  # noqa: BLE001 - a unit that cannot be written, or a defect: neighbours go on
            if len(batch) > 1:
                for waiting in batch:
                    self._commit([waiting], grows=False)
                return
            outcomes = [(batch[0], _refusal(error))]
        self._answer(outcomes)

    def _append(self, batch: list[_Waiting], *, grows: bool) -> list[tuple[_Waiting, Outcome]]:
        with self._storage.begin() as transaction:
            if grows:
                self._fill(batch)
            self._refuse_late_clock(transaction.head)
            now_ms = max(self._clock.now_ms(), transaction.head.time_ms)
            sorted_ = _standing(transaction, self._sort(transaction, batch), now_ms)
            units = [waiting.unit for waiting in sorted_.fresh]
            sealed = seal(
                units,
                transaction.head,
                transaction.streams(list({append.stream: None for unit in units for append in unit.appends})),
                now_ms=now_ms,
                claim_ms=self._claim_ms,
                read_tile=transaction.tile,
                sign=lambda checkpoint: sign_checkpoint(checkpoint, [self._signer]),
            )
            if sealed.batch.appends:
                transaction.write(sealed.batch)
            # COMMIT POINT: leaving this block makes all of the batch durable, or none of it.
        if self._keeper is not None and sealed.batch.appends:
            self._keeper.keep(sealed.batch.head.checkpoint)
        self._postponed += sorted_.postponed
        return [*sorted_.answered, *zip(sorted_.fresh, sealed.outcomes, strict=True)]

    @staticmethod
    def _sort(transaction: Transaction, batch: Sequence[_Waiting]) -> _Sorted:
        claims = [waiting.unit.claim for waiting in batch if waiting.unit.claim]
        stored = transaction.claims(list({(claim.scope, claim.key): None for claim in claims}))
        seen: set[tuple[str, str]] = set()
        sorted_ = _Sorted([], [], [])
        for waiting in batch:
            claim = waiting.unit.claim
            if claim is None:
                sorted_.fresh.append(waiting)
                continue
            name = (claim.scope, claim.key)
            if name in stored:
                sorted_.answered.append((waiting, _answer_again(claim, stored[name])))
            elif name in seen:
                sorted_.postponed.append(waiting)
            else:
                seen.add(name)
                sorted_.fresh.append(waiting)
        return sorted_

    def _refuse_late_clock(self, head: Head) -> None:
        if problem := self._clock_problem(head):
            raise unavailable(problem, retry_after=60)

    def _clock_problem(self, head: Head) -> str | None:
        behind_ms = head.time_ms - self._clock.now_ms()
        if behind_ms <= MAX_STEP_BACK_MS or self._accepts_clock:
            return None
        return f"The clock is {behind_ms / 1000:.1f} s behind the newest entry; an operator must set it right"

    # ------------------------------------------------------------------ answering

    @staticmethod
    def _answer(outcomes: Sequence[tuple[_Waiting, Outcome]]) -> None:
        """Tell every caller; each event loop is woken once."""
        by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[_Waiting, Outcome]]] = {}
        for waiting, outcome in outcomes:
            by_loop.setdefault(waiting.loop, []).append((waiting, outcome))
        for loop, told in by_loop.items():
            if loop is None:
                _tell(told)
            elif not loop.is_closed():
                _wake(loop, partial(_tell, told))


def _wake(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(work)
    except RuntimeError:  # the loop was closed just now: nobody waits there any more
        if not loop.is_closed():
            raise


def _tell(outcomes: Sequence[tuple[_Waiting, Outcome]]) -> None:
    for (_, _, future), outcome in outcomes:
        if future.done():  # the caller gave up
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _standing(transaction: Transaction, sorted_: _Sorted, now_ms: int) -> _Sorted:
    """The batch without the units that were decided on what no longer stands."""
    standing = Standing(transaction, [waiting.unit for waiting in sorted_.fresh], now_ms)
    judged = [(waiting, standing.accept(waiting.unit)) for waiting in sorted_.fresh]
    stale: list[tuple[_Waiting, Outcome]] = [(waiting, moved) for waiting, moved in judged if moved is not None]
    return _Sorted(
        [*sorted_.answered, *stale], [waiting for waiting, moved in judged if moved is None], sorted_.postponed
    )


def _answer_again(claim: Claim, stored: Claim) -> Replayed | Refused:
    if claim.request == stored.request:
        return Replayed(stored.answer)
    return Refused("idempotency_mismatch", "This idempotency key was used before with another request")


def _unknown(error: Exception) -> Refused:
    refused = unavailable("The ledger cannot be written now")
    refused.__cause__ = error
    return refused


def _refusal(error: Exception) -> Exception:
    if not isinstance(error, Unwritable):
        return error
    refused = Refused("conflict", str(error))
    refused.__cause__ = error
    return refused
