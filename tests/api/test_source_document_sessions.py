"""The source document on sessions, executed with its own values: requests, parameters, answers, errors."""

import re
from typing import Any

import httpx2
import pytest

from tests.api.sessions import make_dataset, make_policy, open_session

PATIENT = {
    "record_id": "rec_a1b2c3",
    "patient_id": "p12345",
    "age": 57,
    "diagnosis": "diabetes",
    "symptoms": ["fatigue", "thirst", "blurred vision"],
    "treatments": ["insulin", "dietary changes"],
    "lab_results": {"glucose": 210, "a1c": 8.1},
}
OTHER = {
    "record_id": "rec_d4e5f6",
    "patient_id": "p67890",
    "age": 72,
    "diagnosis": "hypertension",
    "symptoms": ["headache"],
    "treatments": ["diuretics"],
    "lab_results": {"bp_systolic": 155, "bp_diastolic": 95},
}
MORE: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number:06x}",
        "patient_id": f"p{number:05d}",
        "age": 18 + number % 70,
        "diagnosis": ["diabetes", "hypertension", "asthma"][number % 3],
        "symptoms": ["fatigue"],
        "treatments": [],
        "lab_results": {"glucose": 80 + number, "bp_systolic": 100 + number % 80},
    }
    for number in range(198)
]
RECORDS: list[dict[str, Any]] = [PATIENT, OTHER, *MORE]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def dataset(site):
    async with site.client() as client:
        return await make_dataset(client, RECORDS, name="medical-records-2024")


@pytest.fixture
async def session(client, dataset):
    return f"/v1/sessions/{await open_session(client, 'medical-records-2024')}"


async def test_stream_data(client, session):
    answer = await client.get(f"{session}/stream")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["batch", "batch_id", "record_count", "has_more", "next_cursor"]
    assert body["batch"][0] == PATIENT
    assert re.fullmatch(r"batch_[0-9a-f]+", body["batch_id"])
    assert (body["record_count"], body["has_more"]) == (32, True)
    assert body["next_cursor"].startswith("cursor_")
    following = await client.get(f"{session}/stream?cursor={body['next_cursor']}")
    assert following.json()["batch"] == RECORDS[32:64]


async def test_stream_parameters(client, session):
    query = {
        "batch_size": 100,
        "filter": '{"age": {"$gte": 50}}',
        "fields": "record_id,patient_id,age,diagnosis,symptoms",
        "sort": "age",
    }
    body = (await client.get(f"{session}/stream", params=query)).json()
    first = min((row for row in RECORDS if row["age"] >= 50), key=lambda row: row["age"])
    assert body["batch"][0] == {
        name: first[name] for name in ("record_id", "patient_id", "age", "diagnosis", "symptoms")
    }
    too_many = await client.get(f"{session}/stream", params={"batch_size": 101})
    assert too_many.json()["error"]["type"] == "validation_error"


async def test_get_specific_record(client, session):
    answer = await client.get(f"{session}/records/rec_a1b2c3")
    assert answer.status_code == 200
    assert answer.json() == PATIENT
    assert list(answer.json()) == list(PATIENT)


async def test_apply_filter(client, session):
    wish = {
        "filter": {
            "age": {"$gte": 50},
            "diagnosis": {"$in": ["diabetes", "hypertension"]},
            "$or": [{"lab_results.glucose": {"$gte": 200}}, {"lab_results.bp_systolic": {"$gte": 140}}],
        },
        "fields": ["patient_id", "age", "diagnosis", "lab_results"],
        "sort": {"age": -1},
        "limit": 100,
    }
    answer = await client.post(f"{session}/filter", json=wish)
    assert answer.status_code == 200
    body = answer.json()

    def matches(row: dict[str, Any]) -> bool:
        labs = row["lab_results"]
        return (
            row["age"] >= 50
            and row["diagnosis"] in {"diabetes", "hypertension"}
            and (labs.get("glucose", 0) >= 200 or labs.get("bp_systolic", 0) >= 140)
        )

    expected = sorted(filter(matches, RECORDS), key=lambda row: -row["age"])
    fields = ("record_id", "patient_id", "age", "diagnosis", "lab_results")
    assert body["records"] == [{name: row[name] for name in fields} for row in expected]
    assert (body["record_count"], body["has_more"]) == (len(expected), False)
    assert {
        "patient_id": "p67890",
        "age": 72,
        "diagnosis": "hypertension",
        "lab_results": {"bp_systolic": 155, "bp_diastolic": 95},
    }.items() <= next(row for row in body["records"] if row["record_id"] == "rec_d4e5f6").items()


async def test_apply_transformation(client, session):
    wish = {
        "record_ids": ["rec_a1b2c3", "rec_d4e5f6"],
        "transformation": "anonymize",
        "parameters": {"fields": ["patient_id", "name", "address"], "method": "hash"},
        "metadata": {"purpose": "privacy protection", "operator": "data_scientist@company.com"},
    }
    answer = await client.post(f"{session}/transform", json=wish)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    first, second = body["transformed_records"]
    assert re.fullmatch(r"[0-9a-f]{64}", first["patient_id"])
    assert first == {**PATIENT, "patient_id": first["patient_id"]}
    assert second == {**OTHER, "patient_id": second["patient_id"]}
    assert re.fullmatch(r"transform_[0-9a-f]+", body["transformation_id"])
    assert body["evidence_url"].endswith(f"/v1/evidence/{body['transformation_id']}")
    evidence = await client.get(httpx2.URL(body["evidence_url"]).path)
    assert (evidence.status_code, evidence.json()["type"]) == (200, "transform")


async def test_record_operation(client, session):
    await client.get(f"{session}/stream")
    wish = {
        "operation_type": "TRAIN",
        "records": ["rec_a1b2c3", "rec_d4e5f6"],
        "metadata": {
            "model_id": "diagnostic-model-v2",
            "training_step": 1452,
            "metrics": {"loss": 0.0342, "accuracy": 0.967},
        },
    }
    answer = await client.post(f"{session}/operations", json=wish)
    assert answer.status_code == 200
    body = answer.json()
    assert re.fullmatch(r"op_[0-9a-f]+", body["operation_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["created_at"])
    assert (body["status"], body["reconciliation"]) == ("RECORDED", "matched")
    assert re.fullmatch(r"ev_[0-9a-f]+", body["evidence_id"])
    assert (await client.get(f"/v1/evidence/{body['evidence_id']}")).status_code == 200


async def test_aggregations(client, session):
    pipeline = [
        {"$match": {"age": {"$gte": 50}}},
        {"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "avg_age": {"$avg": "$age"}}},
        {"$sort": {"count": -1}},
    ]
    results = (await client.post(f"{session}/aggregate", json={"pipeline": pipeline})).json()["results"]
    ages: dict[str, list[int]] = {}
    for row in RECORDS:
        if row["age"] >= 50:
            ages.setdefault(row["diagnosis"], []).append(row["age"])
    assert {row["_id"]: (row["count"], row["avg_age"]) for row in results} == {
        diagnosis: (len(found), pytest.approx(sum(found) / len(found))) for diagnosis, found in ages.items()
    }
    assert [row["count"] for row in results] == sorted((row["count"] for row in results), reverse=True)


def envelope(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The error of an answer, in the document's envelope."""
    assert answer.status_code == status
    error: dict[str, Any] = answer.json()["error"]
    assert {"type", "message", "details", "request_id"} <= set(error)
    assert error["request_id"].startswith("req_")
    return error


async def test_session_expired(open_site):
    site = open_site(rate_limit=0)
    async with site.client() as client:
        made = await make_dataset(client, [PATIENT])
        session = await open_session(client, made["dataset_id"], duration="1s")
        while (answer := await client.get(f"/v1/sessions/{session}/stream")).status_code == 200:
            pass
    error = envelope(answer, 403)
    assert (error["type"], error["message"]) == ("session_expired", "This session has expired")
    assert set(error["details"]) == {"session_id", "expired_at", "current_time"}
    assert error["details"]["expired_at"] <= error["details"]["current_time"]
    await site.app.close()


async def test_access_revoked(client, dataset):
    session = await open_session(client, dataset["dataset_id"])
    await client.post(f"/v1/access/{session}/revoke", json={"reason": "Data holder has revoked access"})
    error = envelope(await client.get(f"/v1/sessions/{session}/stream"), 403)
    assert (error["type"], error["message"]) == ("access_revoked", "Access to this dataset has been revoked")
    assert error["details"]["session_id"] == session
    assert error["details"]["reason"] == "Data holder has revoked access"
    assert "@" in error["details"]["revoked_by"]


async def test_rate_limit(client):
    policy = await make_policy(client, rate_limit={"limit": 3, "period": "1m"})
    made = await make_dataset(client, [PATIENT], policy_id=policy)
    session = await open_session(client, made["dataset_id"])
    for _ in range(3):
        assert (await client.get(f"/v1/sessions/{session}/stream")).status_code == 200
    answer = await client.get(f"/v1/sessions/{session}/stream")
    error = envelope(answer, 429)
    assert (error["type"], error["message"]) == ("rate_limit_exceeded", "Rate limit exceeded")
    assert (error["details"]["limit"], error["details"]["period"]) == (3, "1m")
    assert set(error["details"]) == {"limit", "period", "reset_at"}
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["ratelimit-policy"] == '"session";q=3;w=60'
    assert re.fullmatch(r'"session";r=0;t=\d+', answer.headers["ratelimit"])
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("3", "0")
