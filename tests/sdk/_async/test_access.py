"""Access, sessions and their data against the real server."""

import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

import xase
from tests.sdk.conftest import PATIENTS
from xase import AsyncClient

IDS = [row["record_id"] for row in PATIENTS]
DIABETICS = [row for row in PATIENTS if row["diagnosis"] == "diabetes"]


@pytest.fixture(params=["arrow", "json"])
def wire(request, monkeypatch):
    """The form in which batches come: as Arrow, or as pages where pyarrow is not installed."""
    if request.param == "json":
        monkeypatch.setattr("xase._client._async.session.find_spec", lambda _: None)


@pytest.fixture
async def session(client, patients):
    return await client.access(dataset=patients, purpose="model-training", duration="30d")


async def test_a_session_says_what_was_granted(session, patients):
    assert session.id.startswith("sess_")
    assert (session.status, session.state.dataset, session.purpose) == ("ACTIVE", patients, "model-training")
    ends = datetime.fromisoformat(session.expires_at)
    assert timedelta(days=29) < ends - datetime.now(UTC) < timedelta(days=31)
    assert session.obligations.min_group_size == 1


async def test_a_dataset_that_is_not_there_is_not_found(client):
    with pytest.raises(xase.NotFound):
        await client.access(dataset="nothing-here", purpose="model-training")


async def test_a_stream_brings_every_record_once_and_as_it_is(session, wire):
    batches = [batch async for batch in session.stream(batch_size=32)]
    assert [len(batch) for batch in batches] == [*[32] * 7, 26]
    assert [record.to_dict() for batch in batches for record in batch] == PATIENTS
    assert len({batch.batch_id for batch in batches}) == 8
    assert [batch.has_more for batch in batches] == [*[True] * 7, False]


async def test_both_forms_bring_the_same_columns(session, wire):
    (batch,) = [batch async for batch in session.stream(batch_size=100, filter={"age": 77})]
    frame = batch.to_pandas()
    assert frame["record_id"].to_list() == [row["record_id"] for row in PATIENTS if row["age"] == 77]
    assert batch.to_polars()["lab_results"][0]["glucose"] == batch[0].lab_results.glucose


async def test_a_stream_asks_the_whole_question(session, wire):
    stream = session.stream(
        batch_size=10, filter={"diagnosis": "diabetes"}, fields=["age", "lab_results.glucose"], sort="-age"
    )
    records = [record async for batch in stream for record in batch]
    assert len(records) == len(DIABETICS)
    assert records[0].keys() == {"record_id", "age", "lab_results"}
    assert [record.age for record in records] == sorted((row["age"] for row in DIABETICS), reverse=True)


async def test_a_stream_goes_on_in_another_client_and_form(session, wire, options, monkeypatch):
    stream = session.stream(batch_size=30, sort={"age": 1})
    first = [await anext(stream), await anext(stream)]
    await stream.aclose()
    monkeypatch.setattr("xase._client._async.session.find_spec", lambda _: None)
    async with AsyncClient(**options) as other:
        again = await other.sessions.get(session.id)
        rest = [batch async for batch in again.stream(batch_size=77, cursor=stream.cursor)]
    came = [record_id for batch in [*first, *rest] for record_id in batch.record_ids]
    assert len(came) == len(IDS)
    assert set(came) == set(IDS)


async def test_a_shuffle_is_a_permutation_that_comes_again(session, wire):
    async def shuffled(seed, epoch):
        stream = session.stream(batch_size=100, order="shuffle", seed=seed, epoch=epoch)
        return [record_id async for batch in stream for record_id in batch.record_ids]

    first = await shuffled(1, 0)
    assert first != IDS
    assert sorted(first) == IDS
    assert await shuffled(1, 0) == first
    assert await shuffled(1, 1) != first
    assert await shuffled(2, 0) != first


async def test_the_source_documents_filter_finds_what_matches(session):
    found = await session.filter(query={"age": {"$gte": 65}, "diagnosis": "diabetes"}, sort={"age": -1}, limit=10)
    expected = [row for row in DIABETICS if row["age"] >= 65]
    assert (len(found), found.total_matched, found.has_more) == (10, len(expected), True)
    rest = await session.filter(cursor=found.next_cursor, limit=1000)
    assert {*found.record_ids, *rest.record_ids} == {row["record_id"] for row in expected}
    assert not rest.has_more


async def test_a_wrong_filter_names_its_place(session):
    with pytest.raises(xase.InvalidQuery) as caught:
        await session.filter({"age": {"$near": 1}})
    assert caught.value.details[0]["field"].endswith("age.$near")
    with pytest.raises(xase.InvalidQuery):
        [batch async for batch in session.stream(filter={"nothing": 1})]


async def test_one_record_is_read_by_attribute(session):
    patient = await session.get_record("rec_000003")
    assert patient == PATIENTS[3]
    assert (patient.age, patient.lab_results.glucose) == (23, 73)
    with pytest.raises(AttributeError, match="null there"):
        patient.note  # noqa: B018
    with pytest.raises(xase.NotFound):
        await session.get_record("rec_ffffff")


async def test_an_aggregation_is_computed_by_the_server(session):
    found = await session.aggregate(
        [
            {"$match": {"age": {"$gte": 50}}},
            {"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "avg_age": {"$avg": "$age"}}},
            {"$sort": {"count": -1, "_id": 1}},
        ]
    )
    expected = {
        name: [row["age"] for row in PATIENTS if row["diagnosis"] == name and row["age"] >= 50]
        for name in ("diabetes", "hypertension", "asthma")
    }
    assert {each["_id"]: each["count"] for each in found} == {name: len(ages) for name, ages in expected.items()}
    for each in found:
        assert each["avg_age"] == pytest.approx(sum(expected[each["_id"]]) / each["count"])
    assert found.evidence_id.startswith("ev_")


async def test_an_operation_is_reconciled_with_what_was_received(session):
    stream = session.stream(batch_size=5)
    batch = await anext(stream)
    await stream.aclose()
    done = await session.record_operation(operation_type="TRAIN", records=batch, metadata={"model_id": "m"})
    assert (done.status, done.reconciliation) == ("RECORDED", "matched")
    whole = await session.record_operation(operation_type="VALIDATE", batch_ids=[batch.batch_id])
    assert whole.reconciliation == "matched"
    false = await session.record_operation(operation_type="TRAIN", records=[*batch.record_ids, "rec_unseen"])
    assert false.reconciliation.unknown_records == 1


async def test_every_batch_has_its_entry_before_it_came(session, client):
    batches = [batch async for batch in session.stream(batch_size=100)]
    released = [event async for event in session.events() if event.type == "release"]
    assert [event.id for event in released] == [batch.batch_id for batch in batches]
    proof = await client.evidence.show(batches[0].batch_id)
    assert proof.verify(await client.evidence.server_keys()).type == "release"


async def test_events_come_as_they_are_written_and_end_with_the_session(session):
    async with session.events(follow=True) as events:
        assert (await anext(events)).type == "session_opened"
        await session.filter({"age": 50})
        assert (await anext(events)).type == "release"
        await session.close(reason="Analysis complete")
        assert [event.type async for event in events] == ["session_closed"]
    assert (session.status, session.reason) == ("TERMINATED", "Analysis complete")


async def test_a_closed_session_gives_nothing_and_closes_again(session):
    async with session:
        pass
    with pytest.raises(xase.SessionClosed):
        await session.get_record("rec_000001")
    with pytest.raises(xase.SessionClosed):
        await session.filter({})
    with pytest.raises(xase.SessionClosed):
        await anext(session.stream())
    await session.close()
    assert (await session.refresh()).status == "TERMINATED"


async def test_sessions_are_listed_with_an_exact_total(client, session):
    await client.access(dataset=session.dataset_id, purpose="analysis")
    listed = await client.sessions.list(dataset_id=session.dataset_id, status="ACTIVE", limit=1)
    ids = [state.id async for state in listed]
    assert len(ids) == listed.total >= 2
    assert session.id in ids
    again = await client.sessions.get(session.id)
    assert again.usage_stats.records_accessed == 0


async def test_the_holder_cuts_a_running_stream(client, patients):
    session = await client.access(dataset=patients, purpose="model-training")
    stream = session.stream(batch_size=1, prefetch=0)
    came = [await anext(stream)]
    ended = await client.sessions.revoke(session.id, reason="Consent was withdrawn")
    assert (ended.status, ended.reason) == ("REVOKED", "Consent was withdrawn")
    with pytest.raises(xase.AccessRevoked) as caught:
        came += [batch async for batch in stream]
    assert caught.value.details["reason"] == "Consent was withdrawn"
    released = [event.id async for event in session.events() if event.type == "release"]
    assert {batch.batch_id for batch in came} <= set(released)


async def test_the_holder_ends_all_sessions_of_a_dataset(client, site):
    from tests.sdk.conftest import make_dataset

    name = make_dataset(site, PATIENTS[:3])
    sessions = [await client.access(dataset=name, purpose="analysis") for _ in range(2)]
    ended = await client.sessions.revoke_dataset(name, reason="Contract ended")
    assert set(ended.sessions) == {session.id for session in sessions}
    with pytest.raises(xase.AccessRevoked):
        await sessions[0].filter({})


async def test_who_withdraws_is_followed_and_delivered_no_more(client, patients, model_id):
    session = await client.access(dataset=patients, purpose="model-training", duration="1d")
    batches = [batch async for batch in session.stream(batch_size=100)]
    await session.record_operation(
        operation_type="TRAIN", batch_ids=[each.batch_id for each in batches], metadata={"model_id": model_id}
    )
    dataset = await client.datasets.register(
        name=f"people-{uuid4().hex}",
        file=io.BytesIO(b'{"record_id": "r1", "person": "p1"}\n{"record_id": "r2", "person": "p2"}\n'),
        format="ndjson",
        id_field="record_id",
        subject_field="person",
        policy_id=session.policy_id,
    )
    said = await client.datasets.withdraw(dataset.dataset_id, subject="p1", reason="Asked for")
    assert (said.withdrawal_id[:4], said.records, said.sessions) == ("wdr_", 1, [])
    other = await client.access(dataset=dataset.name, purpose="model-training", duration="1d")
    assert [name async for batch in other.stream() for name in batch.record_ids] == ["r2"]
    graph = await client.lineage.of_model(model_id)
    assert session.id in {node.id for node in graph.nodes}
    assert session.id in {node.id for node in (await client.lineage.of_dataset(patients)).nodes}
    gone = await client.lineage.of_dataset(dataset.name, withdrawn=True)
    assert other.id not in {node.id for node in gone.nodes}


async def test_a_decision_is_followed_to_its_model(client, model_id):
    record = await client.records.create(model_id=model_id, input={}, output={"ok": True})
    graph = await client.lineage.of_decision(record.id)
    assert graph.root == record.id
    assert f"model:{model_id}" in {node.id for node in graph.nodes}
