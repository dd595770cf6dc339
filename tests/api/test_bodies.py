"""Every field of every body: missing, null, of the wrong type, too long, too deep, out of range. Nothing is stored."""

from json import dumps, loads

import pytest

from tests.api.conftest import DECISION

MUST_BE = {"string": "Must be a string", "object": "Must be an object", "number": "Must be a number"}
JSON_TYPE = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
NAMES = ["model_id", "transaction_id", "policy_id", "model_version", "model_hash"]
OBJECTS = ["input", "output", "context", "explanation"]
OVERRIDE = {"action": "OVERRIDE", "reason": "r", "new_outcome": {"decision": "REJECTED"}}


@pytest.fixture
async def refuse(client):
    """Sends a body and answers the problems, having made sure that nothing was stored."""

    async def send(path, body, method="POST"):
        before = (await client.get("/v1/records")).json()["total"], (await client.get("/readyz")).json()["size"]
        content = body if isinstance(body, bytes) else dumps(body).encode()
        answer = await client.request(method, path, content=content, headers={"content-type": "application/json"})
        after = (await client.get("/v1/records")).json()["total"], (await client.get("/readyz")).json()["size"]
        assert after == before
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["type"], error["code"], error["message"]) == (
            "validation_error",
            "validation_error",
            "Invalid request body",
        )
        return {problem["field"]: problem["message"] for problem in error["details"]}

    return send


@pytest.mark.parametrize("field", ["model_id", "input", "output"])
async def test_a_required_field_that_is_missing_is_named(refuse, field):
    body = {name: value for name, value in DECISION.items() if name != field}
    assert await refuse("/v1/records", body) == {field: "Required field missing"}


@pytest.mark.parametrize(
    ("field", "form"), [*((n, "string") for n in NAMES), *((n, "object") for n in OBJECTS), ("confidence", "number")]
)
@pytest.mark.parametrize("value", [None, True, 7, 0.5, "text", [], [{}], {}])
async def test_a_value_of_the_wrong_type_is_named(refuse, field, form, value):
    if JSON_TYPE[type(value)] == form:
        value = None
    assert await refuse("/v1/records", DECISION | {field: value}) == {field: MUST_BE[form]}


@pytest.mark.parametrize("field", NAMES)
async def test_a_name_has_1_to_256_characters_none_of_them_control(refuse, field, client):
    assert await refuse("/v1/records", DECISION | {field: ""}) == {field: "Must have at least 1 character"}
    assert await refuse("/v1/records", DECISION | {field: "n" * 257}) == {field: "Must have at most 256 characters"}
    for text in ("a\x00b", "a\nb", "ab\n", "\x7f"):
        assert field in await refuse("/v1/records", DECISION | {field: text})
    answer = await client.post("/v1/records", json=DECISION | {field: "ñ" * 256})
    assert answer.status_code == 201


@pytest.mark.parametrize("value", [-0.01, 1.01, -1, 2, 1e300])
async def test_confidence_lies_between_0_and_1(refuse, value):
    assert await refuse("/v1/records", DECISION | {"confidence": value}) == {"confidence": "Must be between 0 and 1"}


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 1e-9])
async def test_the_ends_of_the_range_of_confidence_are_inside(client, value):
    answer = await client.post("/v1/records", json=DECISION | {"confidence": value})
    assert answer.status_code == 201
    assert answer.json()["confidence"] == value


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
async def test_confidence_that_json_cannot_say_is_refused(refuse, literal):
    body = dumps(DECISION).replace("0.94", literal).encode()
    assert list(await refuse("/v1/records", body)) == ["confidence"]


async def test_an_unknown_field_is_refused_by_name(refuse):
    assert await refuse("/v1/records", DECISION | {"modelId": "x"}) == {"modelId": "Unknown field"}


async def test_everything_that_is_wrong_is_told_at_once(refuse):
    body = {"input": 3, "confidence": 1.01, "policy_id": "", "surprise": 1}
    assert await refuse("/v1/records", body) == {
        "model_id": "Required field missing",
        "input": "Must be an object",
        "output": "Required field missing",
        "confidence": "Must be between 0 and 1",
        "policy_id": "Must have at least 1 character",
        "surprise": "Unknown field",
    }


@pytest.mark.parametrize("body", [b"[]", b"3", b'"text"', b"null", b"true"])
async def test_a_body_that_is_no_object_is_refused(refuse, body):
    assert await refuse("/v1/records", body) == {"body": "Must be an object"}


@pytest.mark.parametrize("body", [b"", b"{", b'{"model_id": }', b"{} {}", b"{'a': 1}", b"\xef\xbb\xbf{}", b"nul"])
async def test_a_body_that_is_no_json_is_refused(refuse, body):
    ((field, message),) = (await refuse("/v1/records", body)).items()
    assert field == "body"
    assert message.startswith("Not JSON")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "cp500"])
async def test_another_encoding_than_utf_8_is_refused(refuse, encoding):
    body = dumps(DECISION | {"policy_id": "Zürich"}, ensure_ascii=False).encode(encoding)
    assert list(await refuse("/v1/records", body)) == ["body"]


@pytest.mark.parametrize(
    ("inside", "place"),
    [
        ('{"a": 1, "a": 1}', "input.a"),
        ('{"a": {"b": 1, "b": 2}}', "input.a.b"),
        ('{"a": [0, NaN]}', "input.a.1"),
        ('{"a": 9007199254740992}', "input.a"),
        ('{"a": -9007199254740992}', "input.a"),
        (f'{{"a": {"9" * 5000}}}', "input.a"),
        ('{"a": 1e20}', "input.a"),
        (r'{"a": "\ud800"}', "input.a"),
        (r'{"\udfff": 1}', "input"),
    ],
)
async def test_json_that_readers_disagree_on_is_refused_with_its_place(refuse, inside, place):
    body = dumps(DECISION).replace(dumps(DECISION["input"]), inside).encode()
    assert list(await refuse("/v1/records", body)) == [place]


@pytest.mark.parametrize("field", OBJECTS)
@pytest.mark.parametrize("depth", [64, 5_000, 200_000])
async def test_nesting_deeper_than_64_is_refused(refuse, field, depth):
    deep = f'{{"a": {"[" * (depth - 2)}{"]" * (depth - 2)}}}' if depth > 64 else f'{{"a": {"[" * 63}{"]" * 63}}}'
    body = dumps(DECISION | {field: "@"}).replace('"@"', deep).encode()
    ((place, _),) = (await refuse("/v1/records", body)).items()
    assert place == "body" or place.startswith(field)


async def test_nesting_of_exactly_64_is_accepted(client):
    deep = loads(f'{{"a": {"[" * 62}{"]" * 62}}}')
    answer = await client.post("/v1/records", json=DECISION | {"input": deep})
    assert answer.status_code == 201
    assert answer.json()["input"] == deep


async def test_numbers_and_unicode_come_back_as_they_were_sent(client):
    content = {
        "π": 3.141592653589793,
        "max": 2**53 - 1,
        "min": -(2**53) + 1,
        "tiny": 5e-324,
        "emoji": "👩‍⚖️",
        "": [None],
    }
    answer = await client.post("/v1/records", json=DECISION | {"input": content})
    assert answer.json()["input"] == content


# ------------------------------------------------------------------ batches


async def test_a_batch_is_answered_one_by_one_in_order(client):
    bodies = [DECISION | {"transaction_id": f"t{n}"} for n in range(5)]
    for form in ({"records": bodies}, bodies):
        answer = await client.post("/v1/records/batch", json=form)
        assert answer.status_code == 201
        data = answer.json()["data"]
        assert [each["transaction_id"] for each in data] == ["t0", "t1", "t2", "t3", "t4"]
        assert [each["previous_hash"] for each in data[1:]] == [each["hash"] for each in data[:-1]]


async def test_a_batch_with_one_fault_is_stored_not_at_all(refuse):
    body = {"records": [DECISION, DECISION | {"confidence": 2}, {}]}
    assert await refuse("/v1/records/batch", body) == {
        "records.1.confidence": "Must be between 0 and 1",
        "records.2.model_id": "Required field missing",
        "records.2.input": "Required field missing",
        "records.2.output": "Required field missing",
    }


@pytest.mark.parametrize("records", [[], [DECISION] * 1001, None, {}, "x"])
async def test_a_batch_holds_1_to_1000_decisions(refuse, records):
    assert list(await refuse("/v1/records/batch", {"records": records})) == ["records"]


async def test_a_batch_of_1000_is_accepted(client):
    answer = await client.post("/v1/records/batch", json=[DECISION] * 1000)
    assert answer.status_code == 201
    assert len({each["id"] for each in answer.json()["data"]}) == 1000


async def test_a_key_inside_a_batch_is_refused_and_led_to_the_header(refuse):
    problems = await refuse("/v1/records/batch", [DECISION, DECISION | {"idempotency_key": "k"}])
    assert list(problems) == ["records.1.idempotency_key"]


# ------------------------------------------------------------------ interventions and erasures


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"action": None}, {"action": "Must be one of APPROVED, ESCALATED, OVERRIDE, REJECTED"}),
        ({"action": "approved"}, {"action": "Must be one of APPROVED, ESCALATED, OVERRIDE, REJECTED"}),
        ({"reason": ""}, {"reason": "Must have at least 1 character"}),
        ({"reason": "r" * 4097}, {"reason": "Must have at most 4096 characters"}),
        ({"reason": 1}, {"reason": "Must be a string"}),
        ({"new_outcome": []}, {"new_outcome": "Must be an object"}),
        ({"new_outcome": None}, {"new_outcome": "Must be an object"}),
        ({"actor_email": "nobody"}, {"actor_email": "Must be an e-mail address"}),
        (
            {"actor_email": "someone@else.example"},
            {"actor_email": "Must be the key's own principal or one that it may act for"},
        ),
        ({"evidence_urls": "https://x.example"}, {"evidence_urls": "Must be an array"}),
        (
            {"evidence_urls": ["https://x.example", "ftp://x"]},
            {"evidence_urls.1": "Must be an address that begins with http:// or https://"},
        ),
        ({"evidence_urls": ["https://x.example"] * 51}, {"evidence_urls": "Must have at most 50 items"}),
        ({"metadata": 1}, {"metadata": "Must be an object"}),
        ({"signature": "x"}, {"signature": "Unknown field"}),
    ],
)
async def test_a_faulty_intervention_is_refused(refuse, record, change, problems):
    assert await refuse(f"/v1/records/{record['id']}/interventions", OVERRIDE | change) == problems


async def test_an_override_needs_a_new_outcome_and_nothing_else_may_have_one(refuse, record):
    path = f"/v1/records/{record['id']}/intervene"
    assert await refuse(path, {"action": "OVERRIDE", "reason": "r"}) == {"new_outcome": "Required for OVERRIDE"}
    for action in ("APPROVED", "REJECTED", "ESCALATED"):
        assert await refuse(path, OVERRIDE | {"action": action}) == {"new_outcome": "Only allowed for OVERRIDE"}


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": None}, {"reason": "r" * 4097}, {"reason": "r", "x": 1}]
)
async def test_a_faulty_erasure_is_refused(refuse, record, body):
    assert await refuse(f"/v1/records/{record['id']}/payload", body, method="DELETE")


# ------------------------------------------------------------------ keys and bundles


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "auditor"}, "name"),
        ({"name": "k"}, "role"),
        ({"name": "k", "role": "auditor", "scopes": ["records:read"]}, "role"),
        ({"name": "k", "role": "king"}, "role"),
        ({"name": "k", "scopes": ["records:fly"]}, "scopes.0"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["log:monitor"]}, "scopes"),
        ({"name": "k", "role": "auditor", "email": "x"}, "email"),
        ({"name": "k", "role": "auditor", "may_act_for": ["x"]}, "may_act_for.0"),
        ({"name": "k", "role": "auditor", "expires_at": "2001-01-01"}, "expires_at"),
        ({"name": "k", "role": "auditor", "expires_at": "soon"}, "expires_at"),
        ({"name": "k" * 257, "role": "auditor"}, "name"),
        ({"name": "k", "role": "auditor", "key": "mine"}, "key"),
    ],
)
async def test_a_faulty_key_is_refused(refuse, body, field):
    assert list(await refuse("/v1/keys", body)) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "record_ids"),
        ({"record_ids": []}, "record_ids"),
        ({"record_ids": ["rec_1"]}, "record_ids.0"),
        ({"record_ids": ["rec_0123456789abcdef"], "model_id": "m"}, "model_id"),
        ({"model_id": "m", "format": "docx"}, "format"),
        ({"model_id": "m", "start_date": "yesterday"}, "start_date"),
        ({"model_id": "m", "include_payloads": 1}, "include_payloads"),
    ],
)
async def test_a_faulty_bundle_is_refused(refuse, body, field):
    assert list(await refuse("/v1/evidence/bundles", body)) == [field]
