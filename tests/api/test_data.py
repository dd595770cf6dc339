"""Data in a session: streams, single records, filters, aggregations, operations, and the evidence of each."""

import base64
import io
import json
from typing import Any

import httpx2
import pyarrow as pa
import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from xase_server.delivery.bitmap import bitmap_in

ROWS: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number:06x}",
        "patient_id": f"p{number % 40}",
        "name": f"Name {number}",
        "age": 20 + number % 60,
        "diagnosis": ["diabetes", "hypertension", "asthma"][number % 3],
        "symptoms": ["fatigue", "thirst"][: number % 3],
        "lab_results": {"glucose": 70 + number, "secret": number},
        "seen": {"$date": f"2024-01-{1 + number % 28:02d}T10:00:00Z"},
        "note": None if number % 2 else "x",
    }
    for number in range(250)
]
ORDERED = {"order": "shuffle", "seed": "7"}
HIDDEN = {"deny_fields": ["name", "lab_results.secret"], "row_filter": {"age": {"$gte": 30}}}
VISIBLE = [row for row in ROWS if row["age"] >= 30]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def places(site):
    """Two sessions on one dataset: the holder's before there was a policy, and one under it."""
    async with site.client() as client:
        dataset = await make_dataset(client, ROWS)
        open_ = await open_session(client, dataset["dataset_id"])
        policy = await make_policy(client, **HIDDEN)
        governed = await make_dataset(client, ROWS, policy_id=policy)
        barred = await open_session(client, governed["dataset_id"])
    return {"open": open_, "barred": barred, "dataset": dataset["dataset_id"], "governed": governed["dataset_id"]}


@pytest.fixture(scope="module")
async def wide(site):
    """A session on some thousand records."""
    rows = [{"record_id": f"r{number}", "age": number % 97, "note": "n" * (number % 5)} for number in range(2_900)]
    async with site.client() as client:
        dataset = await make_dataset(client, rows)
        return f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}"


@pytest.fixture
def session(places):
    return f"/v1/sessions/{places['open']}"


@pytest.fixture
def barred(places):
    return f"/v1/sessions/{places['barred']}"


def plain(row, *without):
    """A row as JSON answers have it."""
    shown = {name: value for name, value in row.items() if value is not None and name not in without}
    if "seen" in shown:
        shown["seen"] = shown["seen"]["$date"].replace("Z", ".000Z")
    return shown


def shown_under_policy(row):
    return {**plain(row, "name"), "lab_results": {"glucose": row["lab_results"]["glucose"]}}


async def streamed(client, address, size=None, **query):
    """Every record of a stream, page by page."""
    found, cursor = [], None
    while True:
        params = ({"cursor": cursor} if cursor else query) | ({"batch_size": size} if size else {})
        answer = await client.get(f"{address}/stream", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["record_count"] == len(page["batch"])
        assert page["has_more"] is (page["next_cursor"] is not None)
        found += page["batch"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


# ---------------------------------------------------------------------------- streams


async def test_a_stream_gives_every_record_once_in_dataset_order(client, session):
    assert await streamed(client, session) == [plain(row) for row in ROWS]


async def test_a_batch_is_32_records_unless_asked_otherwise(client, session):
    assert (await client.get(f"{session}/stream")).json()["record_count"] == 32
    assert (await client.get(f"{session}/stream", params={"batch_size": 100})).json()["record_count"] == 100


@pytest.mark.parametrize("size", ["0", "101", "-1", "abc", "65536", "1.5", ""])
async def test_another_batch_size_is_refused_by_name(client, session, size):
    answer = await client.get(f"{session}/stream", params={"batch_size": size})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "validation_error"
    ((field, message),) = ((each["field"], each["message"]) for each in answer.json()["error"]["details"])
    assert (field, message) in {("batch_size", "Must be between 1 and 100"), ("batch_size", "Must be an integer")}


async def test_filter_sort_and_fields_shape_a_stream(client, session):
    query = {"filter": '{"diagnosis": "asthma"}', "sort": "-age", "fields": "age,lab_results.glucose", "batch_size": 7}
    wanted = sorted((row for row in ROWS if row["diagnosis"] == "asthma"), key=lambda row: -row["age"])
    assert await streamed(client, session, **query) == [
        {
            "record_id": row["record_id"],
            "age": row["age"],
            "lab_results": {"glucose": row["lab_results"]["glucose"]},
        }
        for row in wanted
    ]


@pytest.mark.parametrize("query", [{}, {"filter": '{"age": {"$lt": 70}}'}, {"sort": "-age", "fields": "age"}, ORDERED])
async def test_pages_behind_a_cursor_hold_what_one_answer_would(client, wide, query):
    """More records than are encoded at once."""
    whole = await client.get(f"{wide}/stream", params=query, headers={"Accept": "application/x-ndjson"})
    paged = await streamed(client, wide, 100, **query)
    assert paged == [json.loads(line) for line in whole.text.splitlines()]
    assert len(paged) > 2_000


async def test_a_cursor_may_change_the_size_but_not_the_query(client, session):
    page = (await client.get(f"{session}/stream", params={"batch_size": 10})).json()
    again = {"cursor": page["next_cursor"], "batch_size": 20}
    assert (await client.get(f"{session}/stream", params=again)).json()["record_count"] == 20
    other = await client.get(f"{session}/stream", params={**again, "filter": '{"age": 30}'})
    assert other.status_code == 400
    assert other.json()["error"]["code"] == "invalid_cursor"
    assert other.json()["error"]["details"] == {"reason": "other_query"}


async def test_a_cursor_of_another_session_is_refused(client, session, barred):
    cursor = (await client.get(f"{session}/stream")).json()["next_cursor"]
    answer = await client.get(f"{barred}/stream", params={"cursor": cursor})
    assert answer.json()["error"]["details"] == {"reason": "other_session"}


async def test_a_cursor_with_any_letter_changed_is_refused(client, session):
    cursor = (await client.get(f"{session}/stream")).json()["next_cursor"]
    for place in range(len("cursor_"), len(cursor), 5):
        forged = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        answer = await client.get(f"{session}/stream", params={"cursor": forged})
        assert answer.json()["error"]["details"] == {"reason": "malformed"}, place


async def test_shuffled_ranks_share_every_record_once(client, session):
    seen = []
    for rank in range(3):
        seen += await streamed(
            client, session, order="shuffle", seed=7, epoch=1, rank=rank, world_size=3, batch_size=100
        )
    assert sorted(row["record_id"] for row in seen) == [row["record_id"] for row in ROWS]
    assert [row["record_id"] for row in seen] != [row["record_id"] for row in ROWS]


async def test_epochs_differ_and_a_seed_repeats_itself(client, session):
    async def order(**query):
        return [row["record_id"] for row in await streamed(client, session, order="shuffle", batch_size=100, **query)]

    assert await order(seed=1) == await order(seed=1)
    assert await order(seed=1) != await order(seed=1, epoch=2)


@pytest.mark.parametrize(("query", "field"), [({"rank": 0}, "rank"), ({"order": "shuffle", "rank": 2}, "rank")])
async def test_a_rank_needs_its_world(client, session, query, field):
    answer = await client.get(f"{session}/stream", params=query)
    assert answer.json()["error"]["details"][0]["field"] == field


# ---------------------------------------------------------------------------- bulk


async def test_arrow_bulk_carries_its_batches_by_name(client, session):
    headers = {"accept": "application/vnd.apache.arrow.stream"}
    answer = await client.get(f"{session}/stream", params={"batch_size": 100}, headers=headers)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    reader = pa.ipc.open_stream(io.BytesIO(answer.content))
    batches = [reader.read_next_batch_with_custom_metadata() for _ in range(3)]
    assert [each.batch.num_rows for each in batches] == [100, 100, 50]
    ids = [bytes(each.custom_metadata[b"batch_id"]).decode() for each in batches]
    for identifier, each in zip(ids, batches, strict=True):
        evidence = (await client.get(f"/v1/evidence/{identifier}")).json()
        assert evidence["entry"]["body"]["record_count"] == each.batch.num_rows
    resumed = bytes(batches[0].custom_metadata[b"next_cursor"]).decode()
    rest = await client.get(f"{session}/stream", params={"cursor": resumed, "batch_size": 65536}, headers=headers)
    table = pa.ipc.open_stream(io.BytesIO(rest.content)).read_all()
    assert table.column("record_id").to_pylist() == [row["record_id"] for row in ROWS[100:]]
    assert pa.types.is_timestamp(table.schema.field("seen").type)


async def test_ndjson_and_csv_bulk_hold_every_record(client, session):
    lines = await client.get(f"{session}/stream", headers={"accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == [plain(row) for row in ROWS]
    table = await client.get(f"{session}/stream", headers={"accept": "text/csv"}, params={"fields": "age,note"})
    assert table.text.splitlines()[:3] == ['"record_id","age","note"', '"rec_000000",20,"x"', '"rec_000001",21,']


async def test_bulk_is_compressed_when_asked(client, session):
    headers = {"accept": "application/x-ndjson", "accept-encoding": "zstd"}
    async with client.stream("GET", f"{session}/stream", headers=headers) as answer:
        assert answer.headers["content-encoding"] == "zstd"
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert len(raw) < 20_000
    text = pa.CompressedInputStream(io.BytesIO(raw), "zstd").read()
    assert len(text.splitlines()) == len(ROWS)


# ---------------------------------------------------------------------------- one record, filters


async def test_a_record_is_flat_and_without_its_nulls(client, session):
    assert (await client.get(f"{session}/records/rec_000007")).json() == plain(ROWS[7])


@pytest.mark.parametrize("name", ["rec_ffffff", "rec_0000", "nothing", "..%2f..", "%00"])
async def test_an_unknown_record_is_not_found(client, session, name):
    answer = await client.get(f"{session}/records/{name}")
    assert answer.status_code == 404


async def test_a_filter_answers_as_documented(client, session):
    wish = {"filter": {"age": {"$gte": 50}}, "fields": ["patient_id", "age"], "sort": {"age": -1}, "limit": 5}
    answer = (await client.post(f"{session}/filter", json=wish)).json()
    matching = sorted((row for row in ROWS if row["age"] >= 50), key=lambda row: -row["age"])
    assert answer["records"] == [
        {name: row[name] for name in ("record_id", "patient_id", "age")} for row in matching[:5]
    ]
    assert (answer["record_count"], answer["total_matched"], answer["has_more"]) == (5, len(matching), True)
    rest = (await client.post(f"{session}/filter", json={"cursor": answer["next_cursor"], "limit": 1000})).json()
    assert rest["record_count"] == len(matching) - 5
    assert (rest["has_more"], rest["next_cursor"]) == (False, None)


async def test_no_limit_is_as_many_as_an_answer_holds(client, session):
    answer = (await client.post(f"{session}/filter", json={"limit": 0, "fields": []})).json()
    assert answer["record_count"] == min(len(ROWS), 1000)


@pytest.mark.parametrize("limit", [1001, -1, "abc", None, 1.5])
async def test_another_limit_is_refused_by_name(client, session, limit):
    answer = await client.post(f"{session}/filter", json={"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "limit"


async def test_an_aggregation_has_evidence_under_both_its_ids(client, session):
    pipeline = [{"$group": {"_id": "$diagnosis", "count": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    answer = (await client.post(f"{session}/aggregate", json={"pipeline": pipeline})).json()
    assert answer["results"] == [
        {"_id": "asthma", "count": 83},
        {"_id": "diabetes", "count": 84},
        {"_id": "hypertension", "count": 83},
    ]
    assert answer["result_count"] == 3
    by_agg = await client.get(f"/v1/evidence/{answer['aggregation_id']}")
    by_ev = await client.get(f"/v1/evidence/{answer['evidence_id']}")
    assert by_agg.json() == by_ev.json()
    assert by_ev.json()["type"] == "aggregate"


async def test_a_pipeline_that_hands_out_rows_names_the_records(client, session):
    pipeline = [{"$match": {"age": 30}}, {"$project": {"age": 1}}]
    answer = (await client.post(f"{session}/aggregate", json={"pipeline": pipeline})).json()
    evidence = (await client.get(f"/v1/evidence/{answer['evidence_id']}")).json()
    assert evidence["entry"]["body"]["record_count"] == len([row for row in ROWS if row["age"] == 30])


# ---------------------------------------------------------------------------- what a policy leaves


async def test_denied_fields_and_rows_are_in_no_form_of_answer(client, barred):
    expected = [shown_under_policy(row) for row in VISIBLE]
    assert await streamed(client, barred) == expected
    lines = await client.get(f"{barred}/stream", headers={"accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == expected
    filtered = await client.post(f"{barred}/filter", json={"limit": 1000})
    assert filtered.json()["records"] == expected
    counted = await client.post(f"{barred}/aggregate", json={"pipeline": [{"$count": "n"}]})
    assert counted.json()["results"] == [{"n": len(VISIBLE)}]


async def test_a_row_out_of_reach_answers_like_one_that_does_not_exist(client, barred):
    out_of_reach = await client.get(f"{barred}/records/{ROWS[0]['record_id']}")
    absent = await client.get(f"{barred}/records/rec_ffffff")
    assert without_ids(out_of_reach, ROWS[0]["record_id"]) == without_ids(absent, "rec_ffffff")
    assert (await client.get(f"{barred}/records/{VISIBLE[0]['record_id']}")).json() == shown_under_policy(VISIBLE[0])


def without_ids(answer: httpx2.Response, name: str) -> tuple[int, str]:
    text = answer.text.replace(answer.headers["x-request-id"], "").replace(name, "")
    return answer.status_code, text


PROBES = [
    ("filter", {"filter": {"FIELD": 1}}),
    ("filter", {"filter": {"FIELD": {"$gte": "x"}}}),
    ("filter", {"filter": {"$or": [{"FIELD": {"$exists": True}}, {"age": 3}]}}),
    ("filter", {"filter": {"$expr": {"$gt": ["$FIELD", 5]}}}),
    ("filter", {"sort": {"FIELD": 1}}),
    ("filter", {"fields": ["age", "FIELD"]}),
    ("filter", {"fields": {"FIELD": 1, "age": 1}}),
    ("filter", {"fields": {"FIELD": 0}}),
    ("aggregate", {"pipeline": [{"$match": {"FIELD": 1}}]}),
    ("aggregate", {"pipeline": [{"$group": {"_id": "$FIELD"}}]}),
    ("aggregate", {"pipeline": [{"$group": {"_id": None, "n": {"$sum": "$FIELD"}}}]}),
    ("aggregate", {"pipeline": [{"$sort": {"FIELD": 1}}, {"$limit": 1}]}),
    ("aggregate", {"pipeline": [{"$project": {"x": "$FIELD"}}, {"$limit": 2}]}),
    ("aggregate", {"pipeline": [{"$addFields": {"x": {"$toUpper": "$FIELD"}}}, {"$limit": 2}]}),
    ("aggregate", {"pipeline": [{"$unwind": "$FIELD"}, {"$limit": 2}]}),
    ("aggregate", {"pipeline": [{"$project": {"FIELD": 1}}, {"$limit": 2}]}),
]


@pytest.mark.parametrize(("endpoint", "body"), PROBES)
@pytest.mark.parametrize(("denied", "unknown"), [("name", "nane"), ("lab_results.secret", "lab_results.sekret")])
async def test_a_denied_field_answers_like_an_unknown_one(client, barred, endpoint, body, denied, unknown):
    answers = [
        await client.post(f"{barred}/{endpoint}", json=json.loads(json.dumps(body).replace("FIELD", name)))
        for name in (denied, unknown)
    ]
    shown = [(each.status_code, neutral(each, name)) for each, name in zip(answers, (denied, unknown), strict=True)]
    assert shown[0] == shown[1]


def neutral(answer, name):
    """An answer without what differs by nature: ids, the field's own name."""
    shown = {key: value for key, value in answer.json().items() if not key.endswith("_id") and key != "next_cursor"}
    text = json.dumps(shown)
    return text.replace(answer.headers["x-request-id"], "").replace(name, "FIELD")


async def test_small_groups_are_not_shown(client):
    policy = await make_policy(client, min_group_size=5, entity_key="patient_id", aggregations=["count", "avg"])
    rows = [{"patient_id": f"p{n}", "ward": "big" if n % 10 else "small", "age": n} for n in range(30)]
    rows += [{"patient_id": "p0", "ward": "small", "age": 1}] * 20
    dataset = await make_dataset(client, rows, policy_id=policy)
    session = f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}"

    async def asked(pipeline):
        return await client.post(f"{session}/aggregate", json={"pipeline": pipeline})

    by_ward = [{"$group": {"_id": "$ward", "n": {"$sum": 1}}}]
    assert (await asked(by_ward)).json()["results"] == [{"_id": "big", "n": 27}]
    assert (await asked([{"$match": {"age": {"$gte": 3}}}])).json()["error"]["code"] == "group_too_small"
    summed = await asked([{"$group": {"_id": "$ward", "n": {"$sum": "$age"}}}])
    assert summed.json()["error"]["details"]["violations"][0]["rule"] == "aggregation_not_allowed"


# ---------------------------------------------------------------------------- evidence, operations, events


async def test_every_answer_is_in_the_ledger_with_the_records_it_held(client, session):
    page = (await client.get(f"{session}/stream", params={"batch_size": 3, "filter": '{"age": {"$gte": 40}}'})).json()
    evidence = (await client.get(f"/v1/evidence/{page['batch_id']}")).json()
    body = evidence["entry"]["body"]
    assert (body["record_count"], body["via"]) == (3, "stream")
    assert "age" in body["fields"]
    bitmap = evidence["disclosed"]["records"]["value"]
    names = [ROWS[number]["record_id"] for number in bitmap_in(base64.b64decode(bitmap))]
    assert names == [row["record_id"] for row in page["batch"]]
    assert evidence["disclosed"]["query"]["value"] == {"filter": {"age": {"$gte": 40}}}


async def test_a_record_knows_to_whom_it_went(client, places, session):
    await client.get(f"{session}/records/rec_000009")
    answer = await client.get(f"/v1/datasets/{places['dataset']}/records/rec_000009/accesses", params={"limit": 100})
    newest = answer.json()["data"][-1]
    assert (newest["session_id"], newest["via"], newest["purpose"]) == (places["open"], "get_record", "model-training")
    assert answer.json()["total"] == len(answer.json()["data"])


async def test_an_operation_is_reconciled_with_what_was_received(client, places):
    session = f"/v1/sessions/{await open_session(client, places['dataset'])}"
    page = (await client.get(f"{session}/stream", params={"batch_size": 4})).json()
    received = [row["record_id"] for row in page["batch"]]
    wish = {"operation_type": "TRAIN", "records": received, "metadata": {"model_id": "diagnostic-model-v2"}}
    answer = (await client.post(f"{session}/operations", json=wish)).json()
    assert answer["status"] == "RECORDED"
    assert answer["reconciliation"] == "matched"
    assert (await client.get(f"/v1/evidence/{answer['evidence_id']}")).json()["type"] == "operation"
    claimed = {**wish, "records": [*received, "rec_0000ff", "never"]}
    unmatched = (await client.post(f"{session}/operations", json=claimed)).json()
    assert unmatched["reconciliation"] == {"unknown_records": 2, "sample": ["rec_0000ff", "never"]}
    by_batch = {"operation_type": "TRAIN", "batch_ids": [page["batch_id"], "batch_0000000000000000"]}
    named = (await client.post(f"{session}/operations", json=by_batch)).json()
    assert named["reconciliation"] == {"unknown_records": 1, "sample": ["batch_0000000000000000"]}


async def test_an_operation_is_recorded_once_for_its_key(client, session):
    wish = {"operation_type": "ANALYZE", "records": []}
    first = await client.post(f"{session}/operations", json=wish, headers={"idempotency-key": "op-1"})
    again = await client.post(f"{session}/operations", json=wish, headers={"idempotency-key": "op-1"})
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_events_are_the_chain_of_the_session(client, places):
    session = f"/v1/sessions/{await open_session(client, places['dataset'])}"
    await client.get(f"{session}/stream")
    await client.get(f"{session}/records/rec_000001")
    events = (await client.get(f"{session}/events")).json()["data"]
    assert [event["type"] for event in events] == ["session_opened", "release", "release"]
    assert [event["sequence"] for event in events] == [0, 1, 2]


# ---------------------------------------------------------------------------- who, and when no more


async def test_a_session_of_another_organisation_is_not_found(site, stranger, session):
    calls: list[tuple[str, str, Any]] = [
        ("GET", "stream", None),
        ("GET", "records/rec_000001", None),
        ("POST", "filter", {}),
        ("POST", "aggregate", {"pipeline": []}),
        ("POST", "operations", {"operation_type": "TRAIN", "records": []}),
        ("GET", "events", None),
    ]
    for method, path, body in calls:
        answer = await stranger.request(method, f"{session}/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]["details"]["resource"]) == (404, "session"), path


async def test_a_closed_session_gives_nothing_more(client, places):
    identifier = await open_session(client, places["dataset"])
    cursor = (await client.get(f"/v1/sessions/{identifier}/stream")).json()["next_cursor"]
    closed = await client.post(f"/v1/sessions/{identifier}/close", json={"reason": "Analysis complete"})
    assert closed.json()["status"] == "TERMINATED"
    for query in ({}, {"cursor": cursor}):
        answer = await client.get(f"/v1/sessions/{identifier}/stream", params=query)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "session_closed")


async def test_a_revoked_session_gives_nothing_more_and_says_who(client, places):
    identifier = await open_session(client, places["dataset"])
    revoked = await client.post(f"/v1/access/{identifier}/revoke", json={"reason": "Data holder has revoked access"})
    assert revoked.status_code == 200, revoked.text
    answer = await client.get(f"/v1/sessions/{identifier}/stream")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (403, "access_revoked")
    assert error["message"] == "Access to this dataset has been revoked"
    assert error["details"]["reason"] == "Data holder has revoked access"
    assert set(error["details"]) == {"session_id", "revoked_at", "reason", "revoked_by"}


async def test_a_tighter_policy_applies_at_once_and_cursors_go_on(client):
    policy = await make_policy(client)
    dataset = await make_dataset(client, ROWS, policy_id=policy)
    session = f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}"
    page = (await client.get(f"{session}/stream", params={"batch_size": 10})).json()
    rule = {"id": "all", "effect": "permit", "constrain": HIDDEN}
    changed = await client.put(f"/v1/policies/{policy}", json={"name": "tighter", "rules": [rule]})
    assert changed.status_code == 200, changed.text
    rest = await streamed(client, session, cursor=page["next_cursor"])
    assert rest == [shown_under_policy(row) for row in ROWS[10:] if row["age"] >= 30]


@pytest.mark.parametrize("filter_", [False, 0, "", [], "age", [{"age": 3}]])
async def test_a_filter_that_is_none_is_refused(client, session, filter_):
    answer = await client.post(f"{session}/filter", json={"filter": filter_})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_query")


async def test_bulk_counts_as_one_request(client):
    policy = await make_policy(client, rate_limit={"limit": 2, "period": "1h"})
    dataset = await make_dataset(client, ROWS, policy_id=policy)
    session = f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}"
    query, headers = {"batch_size": 10}, {"accept": "application/x-ndjson"}
    for _ in range(2):
        answer = await client.get(f"{session}/stream", params=query, headers=headers)
        assert len(answer.text.splitlines()) == len(ROWS)
    assert (await client.get(f"{session}/stream")).status_code == 429
