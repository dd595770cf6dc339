"""Objects of the control plane: revisions, lists, and appends that hold only while what they know still stands."""

import asyncio
import contextlib

import pytest
from msgspec import structs

from tests.contract.logs import START_MS, Log, running_log
from tests.contract.records import make_append, next_id
from xase_server.domain.decisions import Page
from xase_server.domain.entries import Committed, ObjectsChanged, Unit, Used
from xase_server.domain.errors import Refused
from xase_server.domain.objects import (
    EVERYWHERE,
    Delivery,
    Expectation,
    ModelUse,
    ObjectQuery,
    ObjectRow,
    Stale,
    Usage,
)
from xase_server.domain.quotas import Allowance, Counted, Rate
from xase_server.ports import Storage


def append(log: Log, unit: Unit) -> object:
    return log.ledger.append_now(unit)


def together(log: Log, *units: Unit) -> list[object]:
    """What each unit is answered when all wait at once; they are appended in this order."""

    async def gather() -> list[object]:
        return await asyncio.gather(*(log.ledger.append(unit) for unit in units), return_exceptions=True)

    return asyncio.run(gather())


def row(identifier: str, revision: int = 1, **fields) -> ObjectRow:
    known = {
        "kind": "session",
        "id": identifier,
        "organisation": "org_a",
        "revision": revision,
        "document": b"{}",
        "created_ms": START_MS,
        "status": "ACTIVE",
    }
    return ObjectRow(**(known | fields))


def change(*rows: ObjectRow, expects: tuple[Expectation, ...] = ()) -> Unit:
    return Unit((make_append(effect=ObjectsChanged(rows)),), expects=expects)


def release(session: str, *, expects: tuple[Expectation, ...] = (), blocks: tuple[int, ...] = ()) -> Unit:
    delivery = Delivery("ds_1", 1, blocks) if blocks else None
    effect = Used(session, records=3, bytes=10, queries=1, delivery=delivery)
    return Unit((make_append(type="release", effect=effect),), expects=expects)


def found(storage: Storage, **wanted) -> list[str]:
    query = ObjectQuery(kind="session", **wanted)
    return [each.id for each in storage.read(lambda reads: reads.objects(query, Page(100, 0, None, False))).rows]


def test_an_object_is_read_as_it_was_stored(storage, log: Log):
    made = row("sess_1", partner="org_b", parent="ds_1", name="näme \x00", ends_ms=START_MS + 5, document=b"\x00\xff")
    append(log, change(made))
    assert storage.read(lambda reads: reads.object(made.ref)) == made


def test_what_is_not_there_is_not_found(storage, log: Log):
    assert storage.read(lambda reads: reads.object(row("sess_none").ref)) is None


def test_revisions_are_told_of_what_is_there(storage, log: Log):
    append(log, change(row("sess_1")))
    append(log, change(row("sess_1", 2)))
    append(log, change(row("sess_2")))
    refs = [row(name).ref for name in ("sess_2", "sess_none", "sess_1")]
    assert storage.read(lambda reads: dict(reads.revisions(refs))) == {refs[0]: 1, refs[2]: 2}
    assert not storage.read(lambda reads: reads.revisions([]))


def test_a_change_replaces_all_but_the_place_in_lists(storage, log: Log):
    append(log, change(row("sess_1")))
    append(log, change(row("sess_2")))
    after = row("sess_1", 2, status="REVOKED")
    append(log, change(after))
    assert storage.read(lambda reads: reads.object(after.ref)) == after
    assert found(storage) == ["sess_1", "sess_2"]


def test_an_object_made_and_changed_in_one_unit_is_as_it_was_left(storage, log: Log):
    append(log, Unit((make_append(effect=ObjectsChanged((row("sess_1"),))),)))
    append(
        log,
        Unit(
            (
                make_append(effect=ObjectsChanged((row("sess_1", 2, status="CLOSED"),))),
                make_append(effect=Used("sess_1", records=1)),
                make_append(effect=Used("sess_1", records=2)),
            )
        ),
    )
    assert found(storage, status="CLOSED") == ["sess_1"]
    assert storage.read(lambda reads: reads.usage(["sess_1"]))["sess_1"].records == 3


def test_a_change_on_an_old_revision_is_stale(storage, log: Log):
    append(log, change(row("sess_1")))
    append(log, change(row("sess_1", 2, status="REVOKED")))
    with pytest.raises(Stale) as stale:
        append(log, change(row("sess_1", 2, status="TERMINATED")))
    assert [ref.id for ref in stale.value.moved] == ["sess_1"]
    assert found(storage, status="REVOKED") == ["sess_1"]


def test_making_what_exists_is_stale(log: Log):
    append(log, change(row("sess_1")))
    with pytest.raises(Stale):
        append(log, change(row("sess_1")))


def test_a_release_holds_only_while_its_session_stands(storage, log: Log):
    session = row("sess_1")
    append(log, change(session))
    append(log, release("sess_1", expects=(Expectation(session.ref, 1),)))
    append(log, change(row("sess_1", 2, status="REVOKED")))
    size = storage.read(lambda reads: reads.head()).size
    with pytest.raises(Stale):
        append(log, release("sess_1", expects=(Expectation(session.ref, 1),)))
    assert storage.read(lambda reads: reads.head()).size == size


def test_a_release_moves_an_object_on_in_its_own_commit(storage, log: Log):
    def paying(revision: int) -> Unit:
        paid = row("ds_1", revision, kind="budget", status="SPENT")
        return Unit((make_append(type="aggregate", effect=Used("sess_1", queries=1, objects=(paid,))),))

    answers = together(log, paying(1), paying(1), paying(2))
    assert [isinstance(each, Stale) for each in answers] == [False, True, False]
    kept = storage.read(lambda reads: reads.object(row("ds_1", kind="budget").ref))
    assert (kept.revision, kept.status) == (2, "SPENT")
    assert storage.read(lambda reads: reads.usage(["sess_1"]))["sess_1"].queries == 2


def test_a_revocation_holds_within_its_own_batch(storage, log: Log):
    session = row("sess_1")
    append(log, change(session))
    known = (Expectation(session.ref, 1),)
    units = [release("sess_1", expects=known), change(row("sess_1", 2)), release("sess_1", expects=known)]
    outcomes = together(log, *units)
    assert [isinstance(outcome, Stale) for outcome in outcomes] == [False, False, True]


def test_a_name_in_use_is_a_conflict_and_neighbours_go_on(storage, log: Log):
    append(log, change(row("sess_1", name="one")))
    outcomes = together(log, change(row("sess_2", name="one")), change(row("sess_3", name="three")))
    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].kind.slug == "conflict"
    assert found(storage) == ["sess_1", "sess_3"]


def test_the_same_name_may_be_used_by_another_organisation_and_kind(storage, log: Log):
    append(log, change(row("sess_1", name="one"), row("sess_2", name="one", organisation="org_b")))
    append(log, change(row("ds_1", name="one", kind="dataset")))
    assert set(found(storage, name="one")) == {"sess_1", "sess_2"}  # of one entry: their order is not promised


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["sess_1", "sess_2", "sess_3", "sess_4"]),
        ({"owner": "org_a"}, ["sess_1", "sess_2", "sess_4"]),
        ({"visible_to": "org_b"}, ["sess_2", "sess_3"]),
        ({"visible_to": "org_nobody"}, []),
        ({"parent": "ds_1"}, ["sess_1", "sess_3"]),
        ({"status": "ACTIVE"}, ["sess_1", "sess_2", "sess_3"]),
        ({"status": "ACTIVE", "now_ms": START_MS + 50}, ["sess_1", "sess_3"]),
        ({"status": "EXPIRED", "now_ms": START_MS + 50}, ["sess_2"]),
        ({"status": "REVOKED", "now_ms": START_MS + 50}, ["sess_4"]),
        ({"since_ms": START_MS + 1}, ["sess_3"]),
        ({"until_ms": START_MS + 1}, ["sess_1", "sess_2", "sess_4"]),
    ],
)
def test_lists_hold_what_is_asked_for(storage, log: Log, wanted, expected):
    append(log, change(row("sess_1", parent="ds_1"), row("sess_2", partner="org_b", ends_ms=START_MS + 50)))
    append(log, change(row("sess_3", organisation="org_b", parent="ds_1", created_ms=START_MS + 1)))
    append(log, change(row("sess_4", status="REVOKED", ends_ms=START_MS)))
    assert sorted(found(storage, **wanted)) == expected


@pytest.mark.parametrize("descending", [False, True])
def test_pages_hold_each_object_once_and_the_exact_total(storage, log: Log, descending):
    names = [next_id("sess") for _ in range(7)]
    for name in names:
        append(log, change(row(name)))
    query, after, seen = ObjectQuery(kind="session"), None, []
    while True:
        page = Page(3, 0, after, descending)
        answer = storage.read(lambda reads, page=page: reads.objects(query, page))
        assert answer.total == len(names)
        seen += [each.id for each in answer.rows]
        after = answer.next_after
        if after is None:
            break
    assert seen == (names[::-1] if descending else names)


def test_what_has_ended_is_found_for_its_closing_entry(storage, log: Log):
    append(log, change(row("sess_1", ends_ms=START_MS + 9), row("sess_2", ends_ms=START_MS + 5), row("sess_3")))
    append(log, change(row("sess_4", ends_ms=START_MS + 1, status="REVOKED")))
    ended = storage.read(lambda reads: reads.ended("session", "ACTIVE", START_MS + 9, 10))
    assert [each.id for each in ended] == ["sess_2", "sess_1"]


def test_usage_adds_up(storage, log: Log):
    append(log, release("sess_1"))
    together(log, release("sess_1"), release("sess_2"), release("sess_1"))
    used = storage.read(lambda reads: reads.usage(["sess_1", "sess_2", "sess_none"]))
    assert {name: (each.records, each.bytes, each.queries) for name, each in used.items()} == {
        "sess_1": (9, 30, 3),
        "sess_2": (3, 10, 1),
    }
    assert isinstance(used["sess_1"], Usage)


AMOUNTS = {"records": 3, "bytes": 10, "queries": 1}


def bounded(session: str, **most: int) -> Unit:
    return structs.replace(release(session), within=(Allowance(session, **most),))


@pytest.mark.parametrize("bound", AMOUNTS)
def test_a_quota_is_exact_however_many_ask_at_once(storage, log: Log, bound):
    most = 7 * AMOUNTS[bound] + AMOUNTS[bound] // 2
    outcomes = together(log, *(bounded("sess_1", **{bound: most}) for _ in range(20)))
    assert [isinstance(outcome, Stale) for outcome in outcomes] == [False] * 7 + [True] * 13
    assert {ref.id for outcome in outcomes if isinstance(outcome, Stale) for ref in outcome.moved} == {"sess_1"}
    assert storage.read(lambda reads: reads.usage(["sess_1"]))["sess_1"].queries == 7


def test_what_is_used_without_a_bound_counts_for_who_has_one(storage, log: Log):
    append(log, release("sess_1"))
    outcomes = together(log, bounded("sess_1", records=9), release("sess_1"), bounded("sess_1", records=9))
    assert [isinstance(outcome, Stale) for outcome in outcomes] == [False, False, True]
    together(log, bounded("sess_2", records=3), bounded("sess_3", records=2))
    assert list(storage.read(lambda reads: reads.usage(["sess_2", "sess_3"]))) == ["sess_2"]


def test_a_unit_of_several_releases_is_within_its_quota_as_a_whole(log: Log):
    (one,) = release("sess_1").appends
    (two,) = release("sess_1").appends
    with pytest.raises(Stale):
        append(log, Unit((one, two), within=(Allowance("sess_1", queries=1),)))
    append(log, Unit((one, two), within=(Allowance("sess_1", queries=2),)))


def test_two_servers_of_one_store_keep_to_one_quota(database_place):
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(running_log(database_place.open())) for _ in range(2)]

        async def race() -> list[object]:
            units = [(log, bounded("sess_1", records=33)) for log in logs for _ in range(20)]
            return await asyncio.gather(*(log.ledger.append(each) for log, each in units), return_exceptions=True)

        outcomes = asyncio.run(race())
        assert [type(each) for each in outcomes if not isinstance(each, Stale)] == [Committed] * 11
        assert logs[0].read(lambda reads: reads.usage(["sess_1"]))["sess_1"].records == 33


# ---------------------------------------------------------------------------- over several sessions, and in time


def shared(session: str, *, rates: tuple[Rate, ...] = (), **most: int) -> Unit:
    """A release that counts in an account beside its session's; `most` bounds that account."""
    effect = Used(session, records=3, bytes=10, queries=1, accounts=("ds_1/org_a", "5/org_h/org_a"), rates=rates)
    within = (Allowance("ds_1/org_a", scope="dataset", **most),) if most else ()
    return Unit((make_append(type="release", effect=effect),), within=within)


@pytest.mark.parametrize("bound", AMOUNTS)
def test_sessions_that_share_an_account_share_its_bound(storage, log: Log, bound):
    most = 5 * AMOUNTS[bound]
    append(log, shared("sess_0"))
    outcomes = together(log, *(shared(f"sess_{n % 3}", **{bound: most}) for n in range(9)))
    assert [isinstance(outcome, Stale) for outcome in outcomes] == [False] * 4 + [True] * 5
    assert {ref for each in outcomes if isinstance(each, Stale) for ref in each.moved} == {("usage", "ds_1/org_a")}
    used = storage.read(lambda reads: reads.usage(["ds_1/org_a", "5/org_h/org_a", "sess_0"]))
    assert [used[name].queries for name in ("ds_1/org_a", "5/org_h/org_a")] == [5, 5]
    assert used["sess_0"].queries == 3


MINUTE = Rate("sess_1", 3, 60_000)
HOURLY = Rate("ds_1/org_a", 5, 3_600_000, "dataset")


def test_a_rate_is_exact_however_many_ask_at_once_and_begins_anew_in_each_period(storage, log: Log):
    def rush(session: str) -> list[bool]:
        rate = Rate(session, 3, 60_000)
        outcomes = together(log, *(shared(session, rates=(rate, HOURLY)) for _ in range(5)))
        return [isinstance(outcome, Stale) for outcome in outcomes]

    assert rush("sess_1") == [False, False, False, True, True]
    assert rush("sess_2") == [False, False, True, True, True], "the hour of both is full"
    counted = storage.read(lambda reads: reads.counted([MINUTE.key, HOURLY.key, ("sess_1", 7)]))
    assert counted == {
        MINUTE.key: Counted(log.clock.ms // 60_000, 3),
        HOURLY.key: Counted(log.clock.ms // 3_600_000, 5),
    }
    log.clock.ms += 60_000
    assert rush("sess_1") == [True] * 5
    log.clock.ms += 3_600_000
    assert rush("sess_1") == [False, False, False, True, True]
    assert storage.read(lambda reads: reads.counted([MINUTE.key]))[MINUTE.key].requests == 3


def test_what_is_counted_lasts_over_a_start_and_holds_for_two_servers(database_place):
    with running_log(database_place.open()) as log:
        append(log, shared("sess_1", rates=(MINUTE,)))
    with contextlib.ExitStack() as stack:
        again = database_place.reopen()
        logs = [stack.enter_context(running_log(each)) for each in (again, database_place.open())]

        async def race() -> list[object]:
            units = [(log, shared("sess_1", rates=(MINUTE,))) for log in logs for _ in range(4)]
            return await asyncio.gather(*(log.ledger.append(each) for log, each in units), return_exceptions=True)

        assert sum(isinstance(each, Committed) for each in asyncio.run(race())) == 2


def test_releases_are_found_by_the_blocks_they_touch(storage, log: Log):
    for blocks in [(0,), (0, 1), (EVERYWHERE,), (2,)]:
        append(log, release("sess_1", blocks=blocks))

    def touching(block: int) -> list[int]:
        return [each.index for each in storage.read(lambda reads: reads.deliveries("ds_1", 1, block))]

    assert [touching(block) for block in (0, 1, 2, 7)] == [[0, 1, 2], [1, 2], [2, 3], [2]]
    assert storage.read(lambda reads: reads.deliveries("ds_1", 2, 0)) == []


def test_any_entry_is_found_by_its_id(storage, log: Log):
    made = make_append(organisation="org_b", parts={"reason": "x"})
    append(log, Unit((made,)))
    index, raw, parts = storage.read(lambda reads: reads.any_entry(made.id))
    assert (index, set(parts)) == (0, {"reason"})
    assert made.id.encode() in raw
    assert storage.read(lambda reads: reads.any_entry(next_id("evt"))) is None


def operate(model: str, session: str, kind: str = "TRAIN", records: int = 5) -> Unit:
    use = ModelUse("org_a", model, session, "ds_1", 1, kind, records=records)
    return Unit((make_append(effect=Used(session, operations=1, model=use)),))


def test_what_models_have_had_adds_up_by_session_and_type(storage, log: Log):
    append(log, operate("m", "sess_1"))
    log.clock.ms += 10
    together(log, operate("m", "sess_1"), operate("m", "sess_1", "EVALUATE", 2), operate("n", "sess_2"))
    append(log, operate("m", "sess_1", records=1))

    def found(**wanted):
        uses = storage.read(lambda reads: reads.model_uses(**wanted))
        return [(use.model_id, use.session, use.type, use.operations, use.records) for use in uses]

    m_trained, m_evaluated = ("m", "sess_1", "TRAIN", 3, 11), ("m", "sess_1", "EVALUATE", 1, 2)
    assert found(model_id="m") == [m_trained, m_evaluated]
    assert found(session="sess_2") == [("n", "sess_2", "TRAIN", 1, 5)]
    assert len(found(dataset="ds_1")) == 3
    assert found(model_id="m", organisation="org_b") == []
    (first, *_) = storage.read(lambda reads: reads.model_uses(model_id="m"))
    assert (first.first_ms, first.last_ms) == (START_MS, START_MS + 10)
