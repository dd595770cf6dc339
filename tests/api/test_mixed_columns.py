"""A policy that hides, or allows, a part of a column of mixed types: the lab sees none of the column."""

from typing import Any

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session

SECRET = "078-05-1120"
ROWS: list[dict[str, Any]] = [
    {"record_id": "r0", "age": 40, "notes": {"ssn": SECRET, "ward": "w1"}, "visits": [{"day": 1, "free": {"a": 1}}]},
    {"record_id": "r1", "age": 50, "notes": "plain", "visits": [{"day": 2, "free": [SECRET]}]},
]
TERMS: list[dict[str, Any]] = [
    {"deny_fields": ["notes.ssn", "visits.free.a"]},
    {"deny_fields": ["notes.a.b", "visits.0.free.0"]},
    {"fields": ["age", "notes.ward", "visits.day", "visits.free.a"]},
]
LEFT = [
    {"record_id": "r0", "age": 40, "visits": [{"day": 1}]},
    {"record_id": "r1", "age": 50, "visits": [{"day": 2}]},
]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def places(site):
    async with site.client() as client:
        found = []
        for terms in TERMS:
            policy = await make_policy(client, **terms)
            dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
            found.append((dataset, f"/v1/sessions/{await open_session(client, dataset)}"))
        return found


@pytest.fixture(params=range(len(TERMS)))
def place(request, places):
    return places[request.param]


async def test_the_column_is_in_no_answer(client, place):
    _, session = place
    assert (await client.get(f"{session}/stream")).json()["batch"] == LEFT
    assert (await client.get(f"{session}/records/r0")).json() == LEFT[0]
    for accept in ("application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"):
        raw = (await client.get(f"{session}/stream", headers={"accept": accept})).content
        assert SECRET.encode() not in raw
        assert b"ward" not in raw
    answer = await client.post(f"{session}/aggregate", json={"pipeline": [{"$match": {"age": {"$gt": 1}}}]})
    assert answer.json()["results"] == LEFT


@pytest.mark.parametrize("name", ["notes", "notes.ssn", "notes.ward", "visits.free", "visits.0.free.a"])
async def test_whoever_names_it_is_answered_as_if_it_were_not_there(client, place, name):
    _, session = place
    for body in ({"filter": {name: SECRET}}, {"filter": {name: {"$exists": True}}}, {"sort": {name: 1}}):
        answer = await client.post(f"{session}/filter", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_query")
    grouped = await client.post(f"{session}/aggregate", json={"pipeline": [{"$group": {"_id": f"${name}"}}]})
    assert SECRET not in grouped.text


async def test_the_description_for_others_does_not_name_it(site, client, place):
    dataset, _ = place
    async with site.client(site.mint(role="ai_lab", organisation="org_three")) as lab:
        seen = (await lab.get(f"/v1/datasets/{dataset}/schema")).json()["fields"]
        assert [each["path"] for each in seen] == ["record_id", "age", "visits"]
        assert [each["path"] for each in seen[2]["fields"]] == ["visits.day"]
        assert "notes" not in (await lab.get(f"/v1/datasets/{dataset}/croissant")).text
    own = (await client.get(f"/v1/datasets/{dataset}/schema")).json()["fields"]
    assert "notes" in {each["path"] for each in own}
