"""Query parameters and lists: bounds, unknown and repeated names, dates, filters, exact totals, cursors."""

from datetime import datetime, timedelta

import pytest

from tests.api.conftest import DECISION

LISTS = ["/v1/records", "/v1/keys", "/v1/evidence/bundles"]


def problems(answer):
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "validation_error"
    assert error["message"] == "Invalid query parameters"
    return {each["field"]: each["message"] for each in error["details"]}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.5", "1e1", "+1", " 1", "٣", "01", "9" * 400])
async def test_a_limit_outside_1_to_100_is_refused(client, path, limit):
    found = problems(await client.get(path, params={"limit": limit}))
    assert found["limit"] in {"Must be between 1 and 100", "Must be an integer"}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("offset", ["-1", "abc", "", "1.5", str(2**53), "9" * 40])
async def test_an_offset_below_0_or_beyond_what_json_keeps_is_refused(client, path, offset):
    assert list(problems(await client.get(path, params={"offset": offset}))) == ["offset"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("offset", [10_000, 2**31, 2**53 - 1])
async def test_an_offset_beyond_the_end_is_an_empty_page_with_the_right_total(client, path, offset):
    total = (await client.get(path)).json()["total"]
    answer = (await client.get(path, params={"offset": offset})).json()
    assert answer == {"data": [], "total": total, "limit": 20, "offset": offset, "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("surprise=1", "surprise", "Unknown parameter"),
        ("limit=1&limit=2", "limit", "Given more than once"),
        ("start_date=a&start_date=b&limit=5", "start_date", "Given more than once"),
        ("model_id=", "model_id", "Must have 1 to 256 characters"),
        (f"model_id={'m' * 257}", "model_id", "Must have 1 to 256 characters"),
        ("model_id=a%00b", "model_id", "Must not hold control characters"),
        ("policy_id=a%0Ab", "policy_id", "Must not hold control characters"),
        ("has_intervention=yes", "has_intervention", "Must be true or false"),
        ("has_intervention=True", "has_intervention", "Must be true or false"),
        ("min_confidence=-0.01", "min_confidence", "Must be between 0 and 1"),
        ("max_confidence=1.01", "max_confidence", "Must be between 0 and 1"),
        ("min_confidence=NaN", "min_confidence", "Must be a number"),
        ("min_confidence=true", "min_confidence", "Must be a number"),
        ("min_confidence=0x1", "min_confidence", "Must be a number"),
        ("order=up", "order", "Must be one of desc, asc"),
        ("min_confidence=0.9&max_confidence=0.1", "min_confidence", "Must not be above max_confidence"),
        ("start_date=2025-02-01&end_date=2025-01-01", "start_date", "Must not be after end_date"),
        ("start_date=2025-02-01&end_date=2025-01-31", "start_date", "Must not be after end_date"),
        ("model_id=%ff", "query", "Must be percent-encoded UTF-8"),
        ("&".join(f"p{n}=1" for n in range(70)), "query", "At most 64 parameters"),
    ],
)
async def test_a_faulty_parameter_is_refused_by_name(client, query, field, message):
    assert problems(await client.get(f"/v1/records?{query}"))[field] == message


async def test_everything_that_is_wrong_is_told_at_once(client):
    found = problems(await client.get("/v1/records?limit=0&offset=-1&start_date=soon&surprise=1"))
    assert list(found) == ["limit", "offset", "start_date", "surprise"]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2025",
        "2025-1-1",
        "2025-13-01",
        "2025-02-30",
        "20250101",
        "2025-W01-1",
        "01/02/2025",
        "2025-01-01T25:00",
        "2025-01-01T10:00:00+99:00",
        "1736899200",
        "２０２５-01-01",
        "2025-01-01T10:00:00Z; drop",
    ],
)
async def test_a_malformed_date_is_refused(client, text):
    for name in ("start_date", "end_date"):
        assert problems(await client.get("/v1/records", params={name: text})) == {
            name: "Must be an ISO 8601 date or date-time, such as 2026-01-31 or 2026-01-31T14:32:00Z"
        }


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-01",
        "2025-01-01T00:00",
        "2025-01-01T00:00:00",
        "2025-01-01T00:00:00Z",
        "2025-01-01T00:00:00.123Z",
        "2025-01-01T00:00:00.123456789Z",
        "2025-01-01T02:00:00+02:00",
        "0001-01-01",
        "0001-01-01T00:00+23:59",
        "9999-12-31",
        "9999-12-31T23:59:59-23:59",
    ],
)
async def test_dates_with_and_without_seconds_and_offsets_are_read(client, text):
    for name in ("start_date", "end_date"):
        assert (await client.get("/v1/records", params={name: text})).status_code == 200


@pytest.fixture(scope="module")
def model():
    """Models of this module's own, so that its counts are exact."""
    return "queried-model"


@pytest.fixture
async def fifty(site, client, model):
    """Fifty decisions of one model: confidence 0.00 to 0.49, every fifth under a policy, every tenth acted on."""
    found = (await client.get("/v1/records", params={"model_id": model, "limit": 100, "order": "asc"})).json()
    if found["total"] == 0:
        bodies = [
            DECISION
            | {"model_id": model, "confidence": n / 100, "transaction_id": f"t{n}"}
            | ({"policy_id": "p5"} if n % 5 == 0 else {})
            for n in range(50)
        ]
        assert (await client.post("/v1/records/batch", json=bodies)).status_code == 201
        found = (await client.get("/v1/records", params={"model_id": model, "limit": 100, "order": "asc"})).json()
        for each in found["data"][::10]:
            act = {"action": "APPROVED", "reason": "r"}
            assert (await client.post(f"/v1/records/{each['id']}/interventions", json=act)).status_code == 201
    return [each["id"] for each in found["data"]]


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({}, 50),
        ({"policy_id": "p5"}, 10),
        ({"transaction_id": "t7"}, 1),
        ({"transaction_id": "nothing"}, 0),
        ({"has_intervention": "true"}, 5),
        ({"has_intervention": "false"}, 45),
        ({"min_confidence": "0.4"}, 10),
        ({"max_confidence": "0.1"}, 11),
        ({"min_confidence": "0.1", "max_confidence": "0.19"}, 10),
        ({"min_confidence": "0.25", "max_confidence": "0.25"}, 1),
        ({"policy_id": "p5", "has_intervention": "true", "min_confidence": "0.2"}, 3),
        ({"start_date": "2999-01-01"}, 0),
        ({"end_date": "1999-01-01"}, 0),
    ],
)
async def test_a_filter_finds_exactly_what_matches(client, fifty, model, query, total):
    answer = (await client.get("/v1/records", params={"model_id": model, **query})).json()
    assert answer["total"] == total
    assert len(answer["data"]) == min(20, total)


async def test_a_bare_end_date_includes_that_whole_day(client, fifty, model):
    newest = (await client.get(f"/v1/records/{fifty[-1]}")).json()["created_at"]
    today = datetime.fromisoformat(newest).date()
    before = {"model_id": model, "end_date": str(today - timedelta(days=1))}
    whole = {"model_id": model, "start_date": str(today - timedelta(days=1)), "end_date": str(today)}
    assert (await client.get("/v1/records", params=before)).json()["total"] == 0
    assert (await client.get("/v1/records", params=whole)).json()["total"] == 50


async def test_both_ends_of_a_period_are_in_it(client, fifty, model):
    newest = (await client.get(f"/v1/records/{fifty[-1]}")).json()["created_at"]
    at_once = (await client.get("/v1/records", params={"model_id": model, "start_date": newest})).json()["total"]
    until = {"model_id": model, "end_date": newest}
    assert (await client.get("/v1/records", params=until)).json()["total"] == 50
    assert (await client.get("/v1/records", params=until | {"start_date": newest})).json()["total"] == at_once


async def test_a_plus_that_came_as_a_blank_is_read(client, fifty, model):
    day = (await client.get(f"/v1/records/{fifty[0]}")).json()["created_at"][:10]
    for ends, total in ((f"start_date={day}T00:00:00+00:00", 50), (f"end_date={day}T00:00+00", 0)):
        assert (await client.get(f"/v1/records?model_id={model}&{ends}")).json()["total"] == total


async def test_newest_first_unless_asked_otherwise(client, fifty, model):
    down = (await client.get("/v1/records", params={"model_id": model, "limit": 100})).json()["data"]
    up = (await client.get("/v1/records", params={"model_id": model, "limit": 100, "order": "asc"})).json()["data"]
    assert [each["id"] for each in down] == fifty[::-1]
    assert [each["id"] for each in up] == fifty


async def test_offset_pages_are_the_stretches_of_the_list(client, fifty, model):
    for offset in (0, 7, 45):
        query = {"model_id": model, "limit": 10, "offset": offset, "order": "asc"}
        answer = (await client.get("/v1/records", params=query)).json()
        assert [each["id"] for each in answer["data"]] == fifty[offset : offset + 10]
        assert (answer["total"], answer["limit"], answer["offset"]) == (50, 10, offset)


async def pages(client, path, query):
    seen, offsets = [], []
    while True:
        answer = (await client.get(path, params=query)).json()
        seen += answer["data"]
        offsets.append(answer["offset"])
        if answer["next_cursor"] is None:
            return seen, offsets
        query = query | {"cursor": answer["next_cursor"]}


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_cursors_walk_the_whole_list_once(client, fifty, model, order):
    seen, offsets = await pages(client, "/v1/records", {"model_id": model, "limit": 15, "order": order})
    assert [each["id"] for each in seen] == (fifty if order == "asc" else fifty[::-1])
    assert offsets == [0, 15, 30, 45]


async def test_cursors_do_not_move_while_new_decisions_arrive(client, model):
    name = {"model_id": f"{model}-growing"}
    first = [(await client.post("/v1/records", json=DECISION | name)).json()["id"] for _ in range(4)]
    page = (await client.get("/v1/records", params=name | {"limit": 2})).json()
    await client.post("/v1/records", json=DECISION | name)
    rest = (await client.get("/v1/records", params=name | {"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["data"] + rest["data"]] == first[::-1]
    assert rest["total"] == 5


async def test_cursors_page_keys_too(client, site):
    for _ in range(3):
        site.mint(role="auditor")
    seen, _ = await pages(client, "/v1/keys", {"limit": 2})
    listed = (await client.get("/v1/keys", params={"limit": 100})).json()["data"]
    assert [each["id"] for each in seen] == [each["id"] for each in listed]


def refused_cursor(answer):
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid_cursor"
    return error["details"]["reason"]


async def test_a_cursor_is_for_its_own_question_only(client, stranger, fifty, model):
    query = {"model_id": model, "limit": 10}
    cursor = (await client.get("/v1/records", params=query)).json()["next_cursor"]
    for other in ({"model_id": "other"}, {}, query | {"order": "asc"}, query | {"min_confidence": "0"}):
        assert refused_cursor(await client.get("/v1/records", params=other | {"cursor": cursor})) == "other_query"
    assert refused_cursor(await client.get("/v1/keys", params={"cursor": cursor})) == "other_query"
    assert refused_cursor(await stranger.get("/v1/records", params=query | {"cursor": cursor})) == "malformed"
    assert (await client.get("/v1/records", params=query | {"cursor": cursor, "limit": 7})).status_code == 200


async def test_a_changed_cursor_is_refused(client, fifty, model):
    query = {"model_id": model, "limit": 10}
    cursor = (await client.get("/v1/records", params=query)).json()["next_cursor"]
    other = "A" if cursor[20] != "A" else "B"
    changed = [cursor[:-1], cursor + "A", cursor + "=", cursor[:20] + other + cursor[21:], "x", "cursor_g7h8i9", "ü"]
    for text in changed:
        assert refused_cursor(await client.get("/v1/records", params=query | {"cursor": text})) == "malformed"


async def test_a_cursor_and_an_offset_contradict_each_other(client, fifty, model):
    query = {"model_id": model, "limit": 10}
    cursor = (await client.get("/v1/records", params=query)).json()["next_cursor"]
    found = problems(await client.get("/v1/records", params=query | {"cursor": cursor, "offset": 5}))
    assert found == {"offset": "Not together with cursor"}


async def test_a_required_parameter_that_is_missing_is_named(client):
    assert problems(await client.get("/v1/ledger/proof/inclusion")) == {"entry": "Required parameter missing"}
    assert problems(await client.get("/v1/ledger/proof/consistency?second=1")) == {
        "first": "Required parameter missing"
    }
