"""`POST …/transform`: records transformed on request, on top of what the policy imposes, with their evidence."""

import base64
import re
from typing import Any

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from xase_server.delivery.bitmap import bitmap_in

ROWS: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number}",
        "patient_id": f"p{number % 3}",
        "name": f"Name {number}",
        "address": {"street": "Main St", "zip": f"1011{number}"},
        "age": 85 + number,
        "seen": {"$date": f"2024-03-{1 + number:02d}T08:00:00Z"},
        "score": number / 2,
        "secret": f"s{number}",
    }
    for number in range(8)
]
WITHIN = [f"rec_{number}" for number in (5, 2, 3)]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def sessions(site):
    constrain = {
        "deny_fields": ["secret"],
        "row_filter": {"age": {"$gte": 87}},
        "transforms": {"age": {"op": "generalize", "width": 5, "top": 90}, "name": {"op": "mask"}},
    }
    async with site.client() as client:
        free = (await make_dataset(client, ROWS))["dataset_id"]
        bound = (await make_dataset(client, ROWS, policy_id=await make_policy(client, **constrain)))["dataset_id"]
        return {"free": await open_session(client, free), "bound": await open_session(client, bound)}


async def asked(client, session: str, transformation: str, record_ids: list[str] = WITHIN, **body: Any):
    body = {"record_ids": record_ids, "transformation": transformation, **body}
    return await client.post(f"/v1/sessions/{session}/transform", json=body)


async def transformed(client, session: str, transformation: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await asked(client, session, transformation, **({"parameters": parameters} if parameters else {}))
    assert answer.status_code == 200, answer.text
    return answer.json()["transformed_records"]


def faults(answer) -> list[str]:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "validation_error"
    return [each["field"] for each in answer.json()["error"]["details"]]


async def test_the_documented_request_is_answered_as_documented(client, sessions):
    parameters = {"fields": ["patient_id", "name", "address"], "method": "hash"}
    answer = await asked(client, sessions["free"], "anonymize", parameters=parameters, metadata={"purpose": "privacy"})
    body = answer.json()
    assert set(body) == {"transformed_records", "transformation_id", "evidence_url", "algorithm", "key_id"}
    assert re.fullmatch("transform_[0-9a-f]{16}", body["transformation_id"])
    assert body["evidence_url"].endswith(f"/v1/evidence/{body['transformation_id']}")
    assert body["evidence_url"].startswith("http")
    assert body["algorithm"] == "HMAC-SHA256"
    records = body["transformed_records"]
    assert [each["record_id"] for each in records] == WITHIN
    for record in records:
        values = [record["patient_id"], record["name"], *record["address"].values()]
        assert all(re.fullmatch("[0-9a-f]{64}", each) for each in values)
    assert [each["age"] for each in records] == [90, 87, 88]
    assert records[0]["patient_id"] == records[1]["patient_id"] != records[2]["patient_id"]


async def test_the_evidence_names_records_and_transforms(client, sessions):
    answer = await asked(
        client,
        sessions["bound"],
        "mask",
        parameters={"fields": ["patient_id", "secret", "nothing"]},
        metadata={"operator": "me"},
    )
    body = answer.json()
    proof = (await client.get(f"/v1/evidence/{body['transformation_id']}")).json()
    entry = proof["entry"]
    assert (entry["type"], entry["id"]) == ("transform", body["transformation_id"])
    assert entry["body"]["via"] == "transform"
    assert entry["body"]["record_count"] == 3
    assert entry["body"]["transforms"] == {"patient_id": "mask"}
    assert "secret" not in entry["body"]["fields"]
    records = bitmap_in(base64.b64decode(proof["disclosed"]["records"]["value"]))
    assert list(records) == [2, 3, 5]
    assert proof["disclosed"]["metadata"]["value"] == {"operator": "me"}
    assert proof["disclosed"]["query"]["value"]["record_ids"] == WITHIN


async def test_what_the_policy_imposes_stands(client, sessions):
    plain = await transformed(client, sessions["bound"], "hash", fields=["nothing"])
    assert [(each["age"], each["name"]) for each in plain] == [
        ("90+", "******"),
        ("85-89", "******"),
        ("85-89", "******"),
    ]
    weaker = await transformed(client, sessions["bound"], "hash", fields=["name"])
    assert weaker == plain
    equal = await transformed(client, sessions["bound"], "bucketize", fields=["nothing"], edges=[86])
    assert equal == plain
    stronger = await transformed(client, sessions["bound"], "hash", fields=["age"])
    assert stronger[1]["age"] == stronger[2]["age"] != stronger[0]["age"]
    assert all(len(each["age"]) == 64 for each in stronger)
    gone = await transformed(client, sessions["bound"], "drop", fields=["age", "name", "address"])
    assert all(each.keys().isdisjoint({"age", "name", "address"}) for each in gone)


@pytest.mark.parametrize("name", ["secret", "nothing", "address.nothing", "age.nothing"])
async def test_fields_that_may_not_be_seen_are_passed_over_like_unknown_ones(client, sessions, name):
    one = await transformed(client, sessions["bound"], "redact", fields=[name])
    assert one == await transformed(client, sessions["bound"], "redact", fields=["nowhere"])


@pytest.mark.parametrize(
    ("op", "parameters", "field", "values"),
    [
        ("redact", {}, "name", ["[REDACTED]"] * 3),
        ("mask", {"keep_first": 2}, "name", ["Na****"] * 3),
        ("generalize", {"width": 10}, "age", ["90-99", "80-89", "80-89"]),
        ("generalize", {"part": "year"}, "seen", ["2024"] * 3),
        ("bucketize", {"edges": [1, 2]}, "score", ["2+", "1-2", "1-2"]),
    ],
)
async def test_each_operation_goes_by_its_own_name(client, sessions, op, parameters, field, values):
    records = await transformed(client, sessions["free"], op, fields=[field], **parameters)
    assert [each[field] for each in records] == values
    assert records == await transformed(client, sessions["free"], "anonymize", method=op, fields=[field], **parameters)


async def test_dates_move_with_their_subject(client, sessions):
    raw = await transformed(client, sessions["free"], "drop", fields=["nothing"])
    records = await transformed(
        client, sessions["free"], "date_shift", fields=["seen"], subject="patient_id", max_days=9
    )
    assert all(one["seen"] != other["seen"] for one, other in zip(raw, records, strict=True))
    assert records[0]["seen"][10:] == raw[0]["seen"][10:]


async def test_safe_harbor_goes_by_the_class_of_a_field(client, sessions):
    records = await transformed(client, sessions["free"], "safe_harbor")
    assert records[0] == {
        "record_id": "rec_5",
        "patient_id": "[REDACTED]",
        "name": "[REDACTED]",
        "address": {"street": "[REDACTED]", "zip": "[REDACTED]"},
        "age": "90+",
        "seen": "2024",
        "score": 2.5,
        "secret": "s5",
    }


@pytest.mark.parametrize("missing", ["rec_0", "rec_99", "x"])
async def test_a_record_out_of_reach_answers_like_an_unknown_one(client, sessions, missing):
    """rec_0 is there, but outside the policy's rows."""
    answer = await asked(client, sessions["bound"], "drop", [*WITHIN, missing], parameters={"fields": ["age"]})
    assert faults(answer) == ["record_ids"]
    assert answer.json()["error"]["details"][0]["message"] == "1 of them are not among the records of this session"


@pytest.mark.parametrize(
    ("transformation", "parameters", "named"),
    [
        ("encrypt", {"fields": ["name"]}, "transformation"),
        ("scrub_text", {"fields": ["name"]}, "transformation"),
        ("tokenize", {"fields": ["score"]}, "transformation"),
        ("anonymize", {"fields": ["name"]}, "parameters.method"),
        ("anonymize", {"fields": ["name"], "method": "encrypt"}, "parameters.method"),
        ("anonymize", {"fields": ["name"], "method": ["hash"]}, "parameters.method"),
        ("hash", {}, "parameters.fields"),
        ("hash", {"fields": []}, "parameters.fields"),
        ("hash", {"fields": "name"}, "parameters.fields"),
        ("hash", {"fields": [1]}, "parameters.fields"),
        ("hash", {"fields": ["record_id"]}, "parameters.fields"),
        ("hash", {"fields": ["name"], "domain": "world"}, "parameters.domain"),
        ("mask", {"fields": ["name"], "keep_first": 5}, "parameters.keep_first"),
        ("hash", {"fields": ["score"]}, "transformation"),
        ("date_shift", {"fields": ["seen"], "subject": "nobody", "max_days": 3}, "parameters.subject"),
        ("safe_harbor", {"fields": ["name"]}, "parameters"),
    ],
)
async def test_what_is_wrong_is_named(client, sessions, transformation, parameters, named):
    answer = await asked(client, sessions["free"], transformation, parameters=parameters)
    assert faults(answer) == [named]


@pytest.mark.parametrize("record_ids", [[], ["x"] * 1001, [""], [7]])
async def test_a_list_of_records_is_bounded(client, sessions, record_ids):
    faults(await asked(client, sessions["free"], "drop", record_ids, parameters={"fields": ["name"]}))


async def test_a_record_named_twice_is_answered_once(client, sessions):
    answer = await asked(client, sessions["free"], "drop", ["rec_1", "rec_1"], parameters={"fields": ["name"]})
    assert [each["record_id"] for each in answer.json()["transformed_records"]] == ["rec_1"]


async def test_the_address_of_the_evidence_is_the_public_one(open_site):
    site = open_site(base_url="https://xase.example/")
    async with site.client() as client:
        dataset = (await make_dataset(client, ROWS))["dataset_id"]
        answer = await asked(client, await open_session(client, dataset), "drop", parameters={"fields": ["name"]})
    await site.app.close()
    body = answer.json()
    assert body["evidence_url"] == f"https://xase.example/v1/evidence/{body['transformation_id']}"
