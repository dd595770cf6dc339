"""The public query corpus through the HTTP API, by the corpus's own comparison rule."""

import json
from typing import Any

import pytest

from tests.api.sessions import make_dataset, open_session
from tests.conformance.test_query import DEVIATIONS, load, named


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def opened():
    """Datasets that hold a case's documents, with a session on each: many cases share one."""
    return {}


async def session_on(client, opened: dict[str, str], documents: list[dict[str, Any]]) -> str:
    key = json.dumps(documents)
    if key not in opened:
        dataset = await make_dataset(client, documents, id_field="_id")
        opened[key] = await open_session(client, dataset["dataset_id"])
    return f"/v1/sessions/{opened[key]}"


def without_record_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "record_id"}


async def answer(client, session: str, case: dict[str, Any]) -> Any:
    if "pipeline" in case:
        sent = await client.post(f"{session}/aggregate", json={"pipeline": case["pipeline"]})
        assert sent.status_code == 200, sent.text
        return [without_record_id(row) for row in sent.json()["results"]]
    body = {name: case[name] for name in ("filter", "sort", "skip", "fields", "limit") if case.get(name)}
    sent = await client.post(f"{session}/filter", json=body)
    assert sent.status_code == 200, sent.text
    rows = sent.json()["records"]
    return [row["_id"] for row in rows] if case["expect_kind"] == "ids" else list(map(without_record_id, rows))


def as_written(value: Any) -> Any:
    """Expected dates as JSON answers write them."""
    if isinstance(value, dict):
        if value.keys() == {"$date"}:
            return value["$date"]
        return {name: as_written(each) for name, each in value.items()}
    return [as_written(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", named("public.jsonl"))
async def test_the_answer_over_http_is_the_published_one(client, opened, shared, case):
    session = await session_on(client, opened, case["docs"])
    found = await answer(client, session, case)
    expected = {**case, "expect": as_written(case["expect"])}
    assert load("compare").same(expected, found, null_loose=True) is (case["id"] not in DEVIATIONS)


@pytest.mark.parametrize("case", named("errors.jsonl"))
async def test_what_must_be_refused_is_refused_over_http(client, opened, shared, case):
    session = await session_on(client, opened, case["docs"])
    body = load("expand").body(case).encode()
    endpoint = "aggregate" if b'"pipeline"' in body[:200] else "filter"
    sent = await client.post(f"{session}/{endpoint}", content=body, headers={"content-type": "application/json"})
    if sent.status_code == 200:
        assert case["verdict"] != "refuse"
        rows = sent.json().get("records", sent.json().get("results"))
        assert [row.get("_id") for row in rows] == case["expect"]
    else:
        assert sent.status_code in {400, 413}, sent.text
        assert sent.json()["error"]["code"] in {"invalid_query", "validation_error", "payload_too_large"}
