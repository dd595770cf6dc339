"""Any decisions, any filter, any page: every store answers what looking at each decision would."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.logs import HandClock, Log, running_log
from tests.contract.records import decision, intervention
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import Append
from xase_server.storage import ids, lists, merging, numbers, open_storage
from xase_server.storage.memory import MemoryStorage

MODELS = ("a", "b", "c\x00")
POLICIES = (None, "p", "q")
CONFIDENCES = st.one_of(
    st.sampled_from([0.0, 0.01, 0.5, 0.94, 0.95, 0.999, 1.0]),
    st.floats(0, 1),
    st.floats(0.9, 1).map(lambda value: round(value, 3)),
)

_organisations = (f"org_{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sequence[Log]]:
    """The same ledger on every kind of store there is here; the one in memory comes first."""
    clock = HandClock()
    with ExitStack() as stack:
        found = [MemoryStorage(), open_storage("", tmp_path_factory.mktemp("lists"))]
        with suppress(pytest.skip.Exception):  # the contract suite says aloud where PostgreSQL is not installed
            found.append(open_storage(request.getfixturevalue("postgres")(), tmp_path_factory.mktemp("home")))
        for store in found:
            stack.callback(store.close)
        logs = [stack.enter_context(running_log(store, clock=clock)) for store in found]
        for (
            store
        ) in found:  # a pool that still connects draws random numbers, which hypothesis takes for the strategies'
            store.check()
        yield logs


@pytest.fixture(scope="module", autouse=True)
def _narrow_limits() -> Iterator[None]:
    """Limits so low that a handful of decisions takes every path that ten million take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "_SLACK", 1)
        patch.setattr(numbers, "_SCAN_BITS", 2)
        patch.setattr(numbers, "_WIDEST_SCAN", 2)
        patch.setattr(merging, "FAR_BEHIND", 3)
        patch.setattr(ids, "MOVED_AT_ONCE", 3)
        yield


class Decide(NamedTuple):
    """A decision is recorded."""

    model: str
    policy: str | None
    transaction: str | None
    confidence: float | None


class Intervene(NamedTuple):
    """Somebody intervenes in an earlier decision: this many, counted around."""

    nth: int


def perhaps(*values: Any) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


DECISIONS = st.builds(
    Decide,
    st.sampled_from(MODELS),
    st.sampled_from(POLICIES),
    perhaps("t1", "t2\x00"),
    st.none() | CONFIDENCES,
)
MOVES = st.one_of(DECISIONS, DECISIONS, st.builds(Intervene, st.integers(0, 60)))
HISTORIES = st.lists(st.tuples(st.integers(0, 3), st.lists(MOVES, min_size=1, max_size=6)), min_size=1, max_size=12)
History = Sequence[tuple[int, Sequence[Decide | Intervene]]]
"""What is appended in one commit each, and the milliseconds before it."""

FILTERS = st.builds(
    DecisionFilter,
    model_id=perhaps(*MODELS, "unknown"),
    policy_id=perhaps("p", "q", "unknown"),
    transaction_id=st.none() | perhaps("t1", "t2\x00", "unknown"),
    since_ms=st.none() | st.integers(-1, 30),
    until_ms=st.none() | st.integers(-1, 30),
    has_intervention=perhaps(True, False),
    min_confidence=st.none() | CONFIDENCES,
    max_confidence=st.none() | CONFIDENCES,
)
PAGES = st.builds(
    Page,
    limit=st.integers(1, 8),
    offset=st.integers(0, 12),
    after=st.none() | st.integers(0, 40),
    descending=st.booleans(),
)


def apply(stores: Sequence[Log], history: History) -> tuple[str, int]:
    """Append the history everywhere, for a new organisation; gives its name and when it began."""
    clock, organisation = stores[0].clock, next(_organisations)
    began = clock.ms
    names: list[str] = []
    for pause, moves in history:
        clock.ms += pause
        appends = [append for move in moves for append in make(move, organisation, names)]
        for store in stores if appends else ():
            store.append(*appends)
    clock.ms += 1
    return organisation, began


def make(move: Decide | Intervene, organisation: str, names: list[str]) -> Iterator[Append]:
    if isinstance(move, Decide):
        made = decision(
            move.model,
            organisation=organisation,
            policy_id=move.policy,
            transaction_id=move.transaction,
            confidence=move.confidence,
        )
        names.append(made.id)
        yield made
    elif names:
        yield intervention(names[move.nth % len(names)], organisation=organisation)


def absolute(criteria: DecisionFilter, began: int) -> DecisionFilter:
    def at(ms: int | None) -> int | None:
        return None if ms is None else began + ms

    return replace(criteria, since_ms=at(criteria.since_ms), until_ms=at(criteria.until_ms))


def answers(
    store: Log, organisation: str, criteria: DecisionFilter, page: Page
) -> tuple[Sequence[int], int, int | None]:
    found = store.storage.read(lambda reads: reads.list_decisions(organisation, criteria, page))
    return [row.number for row in found.rows], found.total, found.next_after


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, st.lists(st.tuples(FILTERS, PAGES), min_size=1, max_size=12))
def test_every_store_gives_the_same_page_and_total(stores, history, questions):
    organisation, began = apply(stores, history)
    memory, *databases = stores
    for criteria, page in questions:
        wanted = absolute(criteria, began)
        expected = answers(memory, organisation, wanted, page)
        for database in databases:
            assert answers(database, organisation, wanted, page) == expected, type(database.storage)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES, FILTERS, st.integers(1, 4), st.booleans())
def test_following_the_cursor_gives_each_decision_exactly_once(stores, history, criteria, limit, descending):
    organisation, began = apply(stores, history)
    wanted = absolute(criteria, began)
    for store in stores:
        page = Page(limit=limit, descending=descending)
        seen: list[int] = []
        while True:
            found, total, after = answers(store, organisation, wanted, page)
            seen += found
            if after is None:
                break
            page = replace(page, after=after)
        assert seen == sorted(set(seen), reverse=descending)
        assert len(seen) == total
