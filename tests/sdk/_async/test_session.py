"""What a session's methods send and make of the answers, by the source document's printed examples; no server."""

import json

import httpx2
import pytest

import xase
from tests.sdk.dataroom import STATE, refused
from xase import AsyncClient
from xase.models import SessionState


class Desk:
    """Answers each request with the next of its answers; keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, request):
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, request.url.path.removeprefix("/v1"), body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)


@pytest.fixture
def pauses(monkeypatch):
    kept = []

    async def keep(seconds):
        kept.append(seconds)

    monkeypatch.setattr("xase._client._async.exchange.async_sleep", keep)
    monkeypatch.setattr("xase._client._async.access.async_sleep", keep)
    return kept


@pytest.fixture
def client_of():
    """Makes a client of a desk."""

    def make(*answers):
        desk = Desk(*answers)
        client = AsyncClient(api_key="k", base_url="http://host", transport=httpx2.MockTransport(desk))
        return client, desk

    return make


@pytest.fixture
def session_of(client_of):
    """Makes a session whose requests have these answers."""

    def make(*answers):
        client, desk = client_of(*answers)
        return client.sessions.of(SessionState(STATE)), desk

    return make


S = "/sessions/sess_7f6e5d4c"
ELDERLY = {
    "records": [{"record_id": "rec_a1b2c3", "age": 72}, {"record_id": "rec_d4e5f6", "age": 66}],
    "record_count": 2,
    "has_more": True,
    "next_cursor": "cursor_2",
    "total_matched": 87,
}


async def test_access_is_asked_for_with_what_was_given_and_nothing_else(client_of):
    client, desk = client_of(STATE)
    session = await client.access(dataset="medical-records-2024", purpose="model-training", duration="30d")
    body = {"dataset": "medical-records-2024", "purpose": "model-training", "duration": "30d"}
    assert desk.asked == [("POST", "/access", body)]
    assert (session.id, session.dataset_id, session.expires_at) == (
        "sess_7f6e5d4c",
        "ds_1",
        "2026-02-14T14:30:00.000Z",
    )
    assert repr(session).endswith("(sess_7f6e5d4c, ACTIVE, dataset=ds_1, purpose='model-training')")
    with pytest.raises(AttributeError):
        session.colour  # noqa: B018


REQUIRED = {
    "type": "approval_required",
    "code": "approval_required",
    "message": "People must agree first",
    "details": {"approval_request_id": "apr_1", "status": "PENDING"},
}


def approval_required():
    return httpx2.Response(403, json={"error": REQUIRED})


async def test_what_people_must_agree_to_is_not_waited_for_unasked(client_of, pauses):
    client, _ = client_of(approval_required())
    with pytest.raises(xase.ApprovalRequired):
        await client.access(dataset="d", purpose="p")
    assert pauses == []


async def test_access_waits_for_people_when_it_is_told_to(client_of, pauses):
    pending, decided = ({"approval_request_id": "apr_1", "status": status} for status in ("PENDING", "APPROVED"))
    client, desk = client_of(approval_required(), pending, pending, decided, STATE)
    session = await client.access(dataset="d", purpose="p", wait=True)
    assert session.status == "ACTIVE"
    assert [path for _, path, _ in desk.asked] == ["/access", *["/access/approvals/apr_1"] * 3, "/access"]
    assert pauses == [1.0, 2.0, 4.0]


async def test_access_does_not_wait_where_nobody_is_asked(client_of, pauses):
    error = {**REQUIRED, "details": {"approval_request_id": None, "status": "PENDING"}}
    client, _ = client_of(httpx2.Response(403, json={"error": error}))
    with pytest.raises(xase.ApprovalRequired):
        await client.access(dataset="d", purpose="p", wait=True)


async def test_access_does_not_wait_longer_than_it_is_told_to(client_of, pauses):
    client, _ = client_of(approval_required())
    with pytest.raises(xase.ApprovalRequired):
        await client.access(dataset="d", purpose="p", wait=0.5)


async def test_what_people_refuse_is_refused(client_of, pauses):
    client, desk = client_of(approval_required(), {"approval_request_id": "apr_1", "status": "DENIED"})
    with pytest.raises(xase.ApprovalRequired) as caught:
        await client.access(dataset="d", purpose="p", wait=True)
    assert caught.value.details == {"approval_request_id": "apr_1", "status": "DENIED"}
    assert desk.answers == []


async def test_votes_are_sent_as_they_are_cast(client_of):
    listed = {"data": [{"approval_request_id": "apr_1"}], "total": 1, "limit": 20, "offset": 0, "next_cursor": None}
    client, desk = client_of(listed, {"approval_request_id": "apr_1"}, {"status": "APPROVED"}, {"status": "DENIED"})
    assert [each.id async for each in await client.approvals.list(status="PENDING")] == ["apr_1"]
    assert (await client.approvals.get("apr_1")).id == "apr_1"
    assert (await client.approvals.approve("apr_1", reason="r")).status == "APPROVED"
    assert (await client.approvals.deny("apr_1")).status == "DENIED"
    path = "/access/approvals"
    assert [(method, asked) for method, asked, _ in desk.asked] == [
        ("GET", path),
        ("GET", f"{path}/apr_1"),
        ("POST", f"{path}/apr_1/approve"),
        ("POST", f"{path}/apr_1/deny"),
    ]
    assert desk.asked[2][2] == {"reason": "r"}


async def test_a_filter_is_sent_as_the_source_document_prints_it(session_of):
    session, desk = session_of(ELDERLY)
    query = {"age": {"$gte": 65}, "diagnosis": "diabetes"}
    found = await session.filter(query=query, sort={"age": -1}, fields="patient_id,age", limit=100)
    body = {"filter": query, "fields": ["patient_id", "age"], "sort": {"age": -1}, "limit": 100}
    assert desk.asked == [("POST", f"{S}/filter", body)]
    assert (len(found), found.total_matched, found.has_more, found.next_cursor) == (2, 87, True, "cursor_2")
    assert found.record_ids == ["rec_a1b2c3", "rec_d4e5f6"]
    assert [record.age for record in found] == [72, 66]
    assert found[-1].age == found[1:][0].age == 66


async def test_a_filters_cursor_carries_its_question_on(session_of):
    session, desk = session_of(ELDERLY, ELDERLY)
    await session.filter(cursor="cursor_2")
    await session.filter(filter={}, sort="-age,name")
    assert [body for _, _, body in desk.asked] == [
        {"cursor": "cursor_2"},
        {"filter": {}, "sort": {"age": -1, "name": 1}},
    ]


async def test_query_and_filter_are_one(session_of):
    session, desk = session_of()
    with pytest.raises(TypeError):
        await session.filter({}, filter={})
    assert desk.asked == []


async def test_a_transformation_takes_records_or_ids(session_of):
    answer = {
        "transformed_records": [{"record_id": "rec_a1b2c3", "patient_id": "b3d8e9f2a7c1"}],
        "transformation_id": "transform_h8i9j0",
        "evidence_url": "https://api.xase.ai/v1/evidence/transform_h8i9j0",
    }
    session, desk = session_of(ELDERLY, answer, answer, answer)
    found = await session.filter({})
    parameters = {"fields": ["patient_id"], "method": "hash"}
    made = await session.transform(records=found, transformation="anonymize", parameters=parameters)
    await session.transform(records=list(found), transformation="anonymize", parameters=parameters)
    await session.transform(record_ids=found.record_ids, transformation="anonymize", parameters=parameters)
    body = {"record_ids": ["rec_a1b2c3", "rec_d4e5f6"], "transformation": "anonymize", "parameters": parameters}
    assert desk.asked[1:] == [("POST", f"{S}/transform", body)] * 3
    assert (made[0].patient_id, made.transformation_id) == ("b3d8e9f2a7c1", "transform_h8i9j0")


@pytest.mark.parametrize("chosen", [{}, {"records": ["a"], "record_ids": ["a"]}, {"records": "rec_1"}])
async def test_records_are_named_once_and_as_a_list(session_of, chosen):
    session, _ = session_of()
    with pytest.raises(TypeError):
        await session.transform(transformation="anonymize", **chosen)


async def test_an_operation_is_recorded_for_records_or_whole_batches(session_of):
    answer = {
        "operation_id": "op_j0k1l2",
        "created_at": "2026-01-15T17:23:45Z",
        "status": "RECORDED",
        "evidence_id": "ev_m3n4o5",
    }
    session, desk = session_of(answer, answer)
    metadata = {"model_id": "diagnostic-model-v2", "metrics": {"loss": 0.0342, "accuracy": 0.967}}
    done = await session.record_operation(operation_type="TRAIN", records=["rec_a1b2c3"], metadata=metadata)
    await session.record_operation(operation_type="TRAIN", batch_ids=["batch_d4e5f6"])
    assert desk.asked == [
        ("POST", f"{S}/operations", {"operation_type": "TRAIN", "records": ["rec_a1b2c3"], "metadata": metadata}),
        ("POST", f"{S}/operations", {"operation_type": "TRAIN", "batch_ids": ["batch_d4e5f6"]}),
    ]
    assert (done.operation_id, done.status, done.evidence_id) == ("op_j0k1l2", "RECORDED", "ev_m3n4o5")


async def test_an_aggregation_answers_mappings(session_of):
    results = [{"_id": "diabetes", "count": 3, "avg_age": 61.5}]
    session, desk = session_of(
        {"results": results, "result_count": 1, "aggregation_id": "agg_1", "evidence_id": "ev_1"}
    )
    pipeline = [{"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "avg_age": {"$avg": "$age"}}}]
    found = await session.aggregate(pipeline)
    assert desk.asked == [("POST", f"{S}/aggregate", {"pipeline": pipeline})]
    assert [(each["_id"], each["count"], each.avg_age) for each in found] == [("diabetes", 3, 61.5)]
    assert (found.aggregation_id, found.evidence_id, len(found)) == ("agg_1", "ev_1", 1)
    assert (found.epsilon, found.epsilon_spent, found.epsilon_left) == (None, None, None)


async def test_one_record_is_read_by_attribute(session_of):
    session, desk = session_of({"record_id": "rec_a1b2c3", "age": 57, "lab_results": {"glucose": 210}})
    patient = await session.get_record("rec_a1b2c3")
    assert desk.asked == [("GET", f"{S}/records/rec_a1b2c3", None)]
    assert (patient.age, patient.lab_results.glucose, patient.get("diagnosis")) == (57, 210, None)


async def test_a_session_is_closed_with_its_reason_and_shows_it(session_of):
    session, desk = session_of({**STATE, "status": "TERMINATED"}, {**STATE, "status": "TERMINATED"})
    await session.close(reason="Analysis complete")
    assert session.status == "TERMINATED"
    assert (await session.refresh()).status == "TERMINATED"
    assert desk.asked == [("POST", f"{S}/close", {"reason": "Analysis complete"}), ("GET", S, None)]


async def test_a_with_block_closes_the_session(session_of):
    session, desk = session_of(STATE)
    async with session:
        pass
    assert desk.asked == [("POST", f"{S}/close", {})]


@pytest.mark.parametrize("slug", ["session_expired", "access_revoked", "session_closed"])
async def test_a_with_block_around_an_ended_session_ends_quietly(session_of, slug):
    session, _ = session_of(refused(403, slug))
    async with session:
        pass


async def test_what_broke_a_with_block_is_what_is_raised(session_of, pauses):
    session, _ = session_of(refused(500, "internal_error"), *[refused(500, "internal_error")] * 4)
    with pytest.raises(ZeroDivisionError):
        async with session:
            1 / 0  # noqa: B018


async def test_a_session_that_cannot_be_closed_is_an_error(session_of):
    session, _ = session_of(refused(403, "authorization_error"))
    with pytest.raises(xase.AuthorizationFailed):
        async with session:
            pass


async def test_writes_keep_their_key_over_retries(client_of, pauses):
    keys = []

    def answer(request):
        keys.append(request.headers["idempotency-key"])
        return refused(503, "unavailable") if len(keys) < 3 else httpx2.Response(200, json=ELDERLY)

    async with AsyncClient(api_key="k", base_url="http://host", transport=httpx2.MockTransport(answer)) as client:
        await client.sessions.of(SessionState(STATE)).filter({})
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_sessions_are_listed_page_by_page_and_gone_on_with(client_of):
    first = {"data": [STATE], "total": 2, "limit": 1, "offset": 0, "next_cursor": "c"}
    client, desk = client_of(first, {**first, "next_cursor": None}, STATE)
    listed = [state async for state in await client.sessions.list(dataset_id="ds_1", status="ACTIVE", limit=1)]
    assert [state.id for state in listed] == ["sess_7f6e5d4c"] * 2
    assert (await client.sessions.get(listed[0].id)).state == STATE
    assert [path for _, path, _ in desk.asked] == ["/sessions", "/sessions", S]


async def test_the_holder_ends_one_session_or_all_of_a_dataset(client_of):
    client, desk = client_of({**STATE, "status": "REVOKED"}, {"dataset_id": "ds_1", "sessions": ["sess_1"]}, STATE)
    assert (await client.sessions.revoke("sess_1", reason="r")).status == "REVOKED"
    assert (await client.sessions.revoke_dataset("medical", reason="r")).sessions == ["sess_1"]
    await client.sessions.close("sess_1")
    assert desk.asked == [
        ("POST", "/access/sess_1/revoke", {"reason": "r"}),
        ("POST", "/datasets/medical/revoke", {"reason": "r"}),
        ("POST", "/sessions/sess_1/close", {}),
    ]


async def test_evidence_of_a_session_is_a_bundle(session_of):
    session, desk = session_of({"bundle_id": "bundle_1", "status": "READY"})
    bundle = await session.get_evidence(purpose="audit")
    assert bundle.bundle_id == "bundle_1"
    assert desk.asked == [("POST", "/evidence/bundles", {"session_id": "sess_7f6e5d4c", "purpose": "audit"})]


# ---------------------------------------------------------------- events


def event(n, type="release"):
    return {"id": f"ev_{n}", "type": type, "sequence": n}


def told(*events):
    text = "".join(f"id: {each['sequence']}\ndata: {json.dumps(each)}\n\n" for each in events)
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=f": hello\n\n{text}")


async def test_events_are_followed_over_a_break_to_the_sessions_end(client_of, pauses):
    asked = []
    answers = [told(event(1), event(2)), httpx2.ReadError("reset"), told(event(3), event(4, "session_closed"))]

    def answer(request):
        asked.append((request.headers["accept"], request.url.params["start"]))
        step = answers.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async with AsyncClient(api_key="k", base_url="http://host", transport=httpx2.MockTransport(answer)) as client:
        followed = client.sessions.of(SessionState(STATE)).events(start=1, follow=True)
        assert [each.id async for each in followed] == ["ev_1", "ev_2", "ev_3", "ev_4"]
    assert asked == [("text/event-stream", start) for start in ("1", "3", "3")]


async def test_events_are_listed_page_by_page(session_of):
    session, desk = session_of({"data": [event(0)], "next_start": 1}, {"data": [event(1)], "next_start": None})
    assert [each.id async for each in session.events(page_size=1)] == ["ev_0", "ev_1"]
    assert [path for _, path, _ in desk.asked] == [f"{S}/events"] * 2


async def test_events_that_never_end_are_refused(session_of):
    session, _ = session_of({"data": [event(0)], "next_start": 0})
    with pytest.raises(xase.UnexpectedAnswer):
        [each async for each in session.events()]
