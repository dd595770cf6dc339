"""The queue and its writer: who is told what."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from msgspec import structs

from tests.contract.logs import SIGNER, HandClock, Log, running_log
from tests.contract.records import decision, intervention, make_append, unit
from tests.unit.ledger.test_seal import too_long
from xase_server.domain.entries import Claim, Committed, Replayed, Unit
from xase_server.domain.errors import Refused
from xase_server.ledger.append import Ledger, _Waiting
from xase_server.ledger.audit import audit
from xase_server.ports import Storage
from xase_server.storage.memory import MemoryStorage

CLAIM = Claim("key_1", "once", b"request", b"answer")


@pytest.fixture
def log() -> Iterator[Log]:
    with running_log(MemoryStorage()) as running:
        yield running


class HeldStorage(MemoryStorage):
    """Commits wait until they are let go, so that appends queue up behind."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go = threading.Event()

    @contextmanager
    def begin(self):
        with super().begin() as transaction:
            yield transaction
            self.entered.set()
            assert self.go.wait(10)


@contextmanager
def held_log() -> Iterator[tuple[Log, HeldStorage]]:
    storage = HeldStorage()
    with running_log(storage) as log:
        try:
            yield log, storage
        finally:
            storage.go.set()


async def append_together(*units: Unit) -> tuple[list[Any], Storage]:
    """Append units so that they share one commit: all queue while an earlier one is held."""
    with held_log() as (log, storage):
        first = asyncio.create_task(log.ledger.append(unit()))
        await asyncio.to_thread(storage.entered.wait)
        tasks = [asyncio.create_task(log.ledger.append(each)) for each in units]
        await asyncio.sleep(0)
        storage.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await first
    assert audit(storage, [SIGNER.verifier]).clean
    return outcomes, storage


def checkpoints(storage: Storage) -> int:
    return len(storage.read(lambda reads: reads.checkpoints(0, 100)))


async def test_an_append_is_committed_when_its_call_returns(log):
    committed = await log.ledger.append(unit(make_append(), make_append()))
    assert isinstance(committed, Committed)
    assert (len(committed.entries), committed.tree_size, log.size) == (2, 2, 2)
    assert log.storage.read(lambda reads: reads.entries(0, 2)) == [each.raw for each in committed.entries]


async def test_what_waited_shares_one_commit():
    outcomes, storage = await append_together(*[unit() for _ in range(20)])
    assert sorted(each.entries[0].index for each in outcomes) == list(range(1, 21))
    assert checkpoints(storage) == 2


class TakenStorage(MemoryStorage):
    """The head is held by another server until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = threading.Event()
        self.free = threading.Event()

    @contextmanager
    def begin(self):
        self.wanted.set()
        assert self.free.wait(10)
        with super().begin() as transaction:
            yield transaction


async def test_what_queues_while_another_server_holds_the_head_goes_into_the_same_commit():
    storage = TakenStorage()
    with running_log(storage) as log:
        first = asyncio.create_task(log.ledger.append(unit()))
        await asyncio.to_thread(storage.wanted.wait)
        later: list[Future[Committed | Replayed]] = [Future() for _ in range(20)]
        log.ledger._enqueue([_Waiting(unit(), None, each) for each in later])
        storage.free.set()
        outcomes = [await first, *(each.result(10) for each in later)]
    assert [each.entries[0].index for each in outcomes] == list(range(21))
    assert checkpoints(storage) == 1


def test_threads_and_event_loops_append_together(log):
    def on_a_loop_of_its_own(_: int) -> int:
        async def work() -> int:
            return sum([len((await log.ledger.append(unit())).entries) for _ in range(10)])

        return asyncio.run(work())

    def blocking(_: int) -> int:
        return sum(len(log.ledger.append_now(unit()).entries) for _ in range(10))

    with ThreadPoolExecutor(6) as pool:
        counts = [*pool.map(on_a_loop_of_its_own, range(3)), *pool.map(blocking, range(3))]
    assert counts == [10] * 6
    assert (log.size, audit(log.storage, [SIGNER.verifier]).findings) == (60, [])


def test_the_same_claim_and_request_gets_the_first_answer_again(log):
    first = log.append(decision(), claim=CLAIM)
    again = log.append(decision(), claim=replace(CLAIM, answer=b"never told"))
    assert isinstance(first, Committed)
    assert again == Replayed(b"answer")
    assert log.size == 1


def test_the_same_claim_with_another_request_is_a_mismatch(log):
    log.append(decision(), claim=CLAIM)
    with pytest.raises(Refused) as refused:
        log.append(decision(), claim=replace(CLAIM, request=b"another"))
    assert (refused.value.kind.slug, log.size) == ("idempotency_mismatch", 1)


async def test_of_one_claim_twice_in_a_commit_one_is_appended():
    other = replace(CLAIM, request=b"another")
    outcomes, storage = await append_together(unit(claim=CLAIM), unit(claim=CLAIM), unit(claim=other), unit())
    first, again, mismatch, neighbour = outcomes
    assert isinstance(first, Committed)
    assert again == Replayed(b"answer")
    assert mismatch.kind.slug == "idempotency_mismatch"
    assert isinstance(neighbour, Committed)
    assert storage.read(lambda reads: reads.head()).size == 3


@pytest.mark.parametrize(
    ("culprit", "slug"),
    [
        (unit(too_long()), "payload_too_large"),
        (unit(intervention("rec_0000000000000000")), "conflict"),
        (unit(decision(identifier="rec_00000000000000ff"), decision(identifier="rec_00000000000000ff")), "conflict"),
    ],
    ids=["too long", "unknown record", "id twice"],
)
async def test_a_unit_that_cannot_be_appended_fails_alone(culprit, slug):
    (before, refused, after), storage = await append_together(unit(), culprit, unit(claim=CLAIM))
    assert isinstance(before, Committed)
    assert refused.kind.slug == slug
    assert isinstance(after, Committed)
    assert storage.read(lambda reads: reads.head()).size == 3


async def test_a_defect_is_told_to_its_caller_alone():
    broken = structs.replace(make_append(), organisation=cast("str", []))  # not hashable: no store can take it
    (neighbour, told), _ = await append_together(unit(), unit(broken))
    assert isinstance(neighbour, Committed)
    assert isinstance(told, TypeError)


async def test_a_caller_who_gave_up_disturbs_nobody():
    with held_log() as (log, storage):
        leaving, staying = (asyncio.create_task(log.ledger.append(unit())) for _ in range(2))
        await asyncio.to_thread(storage.entered.wait)
        leaving.cancel()
        storage.go.set()
        assert isinstance(await staying, Committed)
        assert log.size == 2


async def test_a_full_queue_is_unavailable():
    storage = HeldStorage()
    storage.initialise("example.org/log")
    ledger = Ledger(storage, SIGNER, HandClock(), queue_limit=2)
    ledger.start()
    first = asyncio.create_task(ledger.append(unit()))
    await asyncio.to_thread(storage.entered.wait)
    waiting = [asyncio.create_task(ledger.append(unit())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as refused:
        await ledger.append(unit())
    storage.go.set()
    assert refused.value.kind.slug == "unavailable"
    assert all(isinstance(each, Committed) for each in await asyncio.gather(first, *waiting))
    ledger.close()


async def test_closing_commits_what_waits_and_refuses_what_comes_later():
    with held_log() as (log, storage):
        waiting = [asyncio.create_task(log.ledger.append(unit())) for _ in range(3)]
        await asyncio.to_thread(storage.entered.wait)
        storage.go.set()
        await asyncio.to_thread(log.ledger.close)
        assert all(isinstance(each, Committed) for each in await asyncio.gather(*waiting))
        with pytest.raises(Refused):
            await log.ledger.append(unit())


async def test_what_the_loop_had_not_handed_over_when_the_ledger_closed_is_refused():
    with held_log() as (log, storage):
        storage.go.set()
        waiting = asyncio.create_task(log.ledger.append(unit()))
        await asyncio.sleep(0)  # the task has run, the loop has not looked again
        log.ledger.close()
        with pytest.raises(Refused) as refused:
            await waiting
        assert (refused.value.kind.slug, log.size) == ("unavailable", 0)


def test_a_clock_a_little_behind_is_bumped(log):
    log.append(make_append())
    log.clock.ms -= 5_000
    committed = log.append(make_append())
    assert committed.entries[0].time_ms == log.clock.ms + 5_000


def test_a_clock_far_behind_stops_appending_until_it_is_right(log):
    log.append(make_append())
    log.clock.ms -= 5_001
    assert not log.ledger.healthy()
    with pytest.raises(Refused) as refused:
        log.append(make_append())
    assert refused.value.kind.slug == "unavailable"
    log.clock.ms += 1
    assert log.ledger.healthy()
    assert log.append(make_append()).tree_size == 2


def test_an_operator_may_accept_a_clock_that_was_set_back(log):
    log.append(make_append())
    log.ledger.close()
    clock = HandClock(log.clock.ms - 3_600_000)
    with running_log(log.storage, clock=clock, accept_clock=True) as later:
        assert later.append(make_append()).entries[0].time_ms == log.clock.ms
        assert later.ledger.healthy()


def test_a_claim_is_kept_as_long_as_was_promised(log):
    ledger = Ledger(log.storage, SIGNER, log.clock, claim_hours=24)
    ledger.start()
    ledger.append_now(unit(claim=CLAIM))
    log.clock.ms += 24 * 3_600_000 - 1
    ledger.append_now(unit(claim=Claim("key_1", "other", b"", b"")))
    assert ledger.append_now(unit(claim=CLAIM)) == Replayed(b"answer")
    ledger.close()
