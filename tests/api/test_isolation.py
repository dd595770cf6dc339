"""An object of another organisation answers exactly as one that does not exist."""

import re

import pytest

from tests.api.conftest import DECISION, finished_bundle, settled_bundle

REQUEST_ID = re.compile(r"req_[0-9a-f]{16}")
OVERRIDE = {"action": "APPROVED", "reason": "r"}


@pytest.fixture
async def theirs(stranger):
    """What the other organisation owns: a record, an intervention on it, a key, a bundle."""
    record = (await stranger.post("/v1/records", json=DECISION)).json()
    act = (await stranger.post(f"/v1/records/{record['id']}/interventions", json=OVERRIDE)).json()
    key = (await stranger.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()
    bundle = await finished_bundle(stranger, {"record_ids": [record["id"]]})
    return {"rec": record["id"], "int": act["id"], "key": key["id"], "bundle": bundle["bundle_id"]}


ADDRESSES = [
    ("GET", "/v1/records/{rec}", None),
    ("GET", "/v1/records/{rec}/proof", None),
    ("GET", "/v1/records/{rec}/interventions", None),
    ("POST", "/v1/records/{rec}/interventions", OVERRIDE),
    ("POST", "/v1/records/{rec}/intervene", OVERRIDE),
    ("DELETE", "/v1/records/{rec}/payload", {"reason": "r"}),
    ("GET", "/v1/evidence/{rec}", None),
    ("GET", "/v1/evidence/{int}", None),
    ("GET", "/v1/evidence/{key}", None),
    ("GET", "/v1/evidence/{bundle}", None),
    ("GET", "/v1/evidence/bundles/{bundle}", None),
    ("GET", "/v1/evidence/bundles/{bundle}/download", None),
    ("POST", "/v1/evidence/verify", {"bundle_id": "{bundle}"}),
    ("POST", "/v1/evidence/bundles", {"record_ids": ["{rec}"]}),
    ("GET", "/v1/ledger/proof/inclusion?entry={rec}", None),
    ("DELETE", "/v1/keys/{key}", None),
    ("POST", "/v1/keys/{key}/rotate", {}),
]


def filled(value, ids):
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return {name: filled(each, ids) for name, each in value.items()} if isinstance(value, dict) else value


def told(answer, ids):
    """Everything an answer tells: status, headers and body, but for the request id and the id asked for."""
    text = REQUEST_ID.sub("req_", answer.text)
    for name, identifier in ids.items():
        text = text.replace(identifier, f"{{{name}}}")
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "etag"}}
    return answer.status_code, headers, text


@pytest.mark.parametrize(("method", "address", "body"), ADDRESSES, ids=lambda each: str(each)[:60])
async def test_what_belongs_to_another_answers_as_if_it_did_not_exist(client, theirs, method, address, body):
    absent = {name: f"{identifier.partition('_')[0]}_{'0' * 16}" for name, identifier in theirs.items()}
    answers = []
    for ids in (theirs, absent):
        answer = await client.request(method, filled(address, ids), json=filled(body, ids))
        if answer.status_code == 200 and "bundle_id" in answer.json():  # made in the background: see how it ends
            error = (await settled_bundle(client, answer.json()["bundle_id"]))["error"]
            assert error["code"] == "not_found"
            answers.append(error["message"])
        else:
            assert answer.status_code == 404
            answers.append(told(answer, ids))
    assert answers[0] == answers[1]


async def test_lists_hold_nothing_of_another(client, stranger, theirs):
    for path in ("/v1/records", "/v1/keys", "/v1/evidence/bundles"):
        mine = (await client.get(path, params={"limit": 100})).text
        assert not any(identifier in mine for identifier in theirs.values())
    found = (await client.get("/v1/records", params={"model_id": "nobody-else-has-this"})).json()
    assert found["total"] == 0


async def test_totals_do_not_count_what_belongs_to_another(client, stranger):
    before = (await client.get("/v1/records")).json()["total"]
    await stranger.post("/v1/records", json=DECISION)
    assert (await client.get("/v1/records")).json()["total"] == before


async def test_ledger_entries_of_another_show_as_hashes(client, theirs):
    size = (await client.get("/readyz")).json()["size"]
    pages = [
        (await client.get("/v1/ledger/entries", params={"start": start, "limit": 100})).json()["data"]
        for start in range(0, size, 100)
    ]
    found = [each for page in pages for each in page]
    assert [each["index"] for each in found] == list(range(size))
    assert {each["entry"]["actor"]["organisation"] for each in found if "entry" in each} == {"org_one"}
    assert any("entry" not in each for each in found)
    assert not any(identifier in str(found) for identifier in theirs.values())


async def test_an_idempotency_key_of_another_is_not_mine(client, stranger):
    header = {"Idempotency-Key": "shared-between-strangers"}
    theirs = await stranger.post("/v1/records", json=DECISION, headers=header)
    mine = await client.post("/v1/records", json=DECISION, headers=header)
    assert [theirs.status_code, mine.status_code] == [201, 201]
    assert "idempotency-replayed" not in mine.headers
    assert mine.json()["id"] != theirs.json()["id"]
