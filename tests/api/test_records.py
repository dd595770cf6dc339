"""What happens to a decision: receipts, proofs, prefixes, interventions, erasure."""

from base64 import b64decode
from datetime import datetime

import pytest

from tests.api.conftest import DECISION
from xase.proof.canonical import canonical
from xase.proof.entry import entry_digest
from xase.proof.keys import DocumentVerifier, LogVerifier
from xase.proof.receipt import verify_receipt

OVERRIDE = {"action": "OVERRIDE", "reason": "Income not confirmed", "new_outcome": {"decision": "REJECTED"}}


@pytest.fixture
async def public_keys(client):
    """The published keys by use."""
    keys = (await client.get("/.well-known/xase-signing-keys.json")).json()["keys"]
    return {key["use"]: key for key in keys}


@pytest.fixture
async def log_key(public_keys):
    return LogVerifier.from_vkey(public_keys["log"]["vkey"])


async def test_a_receipt_proves_the_record_offline(client, log_key):
    record = (await client.post("/v1/records?receipt=true", json=DECISION)).json()
    entry = verify_receipt(record["receipt"], log_key)
    assert entry.hash == record["hash"]
    assert entry.id == record["id"]
    assert entry.body["confidence"] == 0.94


async def test_every_record_of_a_batch_may_have_a_receipt(client, log_key):
    answer = await client.post("/v1/records/batch?receipt=true", json=[DECISION] * 3)
    for record in answer.json()["data"]:
        assert verify_receipt(record["receipt"], log_key).hash == record["hash"]


async def test_a_proof_names_the_neighbours_in_the_chain(client, log_key):
    first, second, third = [(await client.post("/v1/records", json=DECISION)).json() for _ in range(3)]
    proof = (await client.get(f"/v1/records/{second['id']}/proof")).json()
    assert (proof["record_id"], proof["hash"]) == (second["id"], second["hash"])
    assert (proof["previous_hash"], proof["next_hash"]) == (first["hash"], third["hash"])
    assert verify_receipt(proof, log_key).hash == second["hash"]
    newest = (await client.get(f"/v1/records/{third['id']}/proof")).json()
    assert newest["next_hash"] is None


async def test_a_record_is_found_by_eight_digits_or_more(client, record):
    for length in range(12, 21):
        answer = await client.get(f"/v1/records/{record['id'][:length]}")
        assert answer.status_code == 200
        assert answer.json() == record


@pytest.mark.parametrize(
    "identifier", ["rec_1234567", "rec_", "rec_ABCDEF01", "rec_12345678901234567", "8a7f3b2c", "int_8a7f3b2c", "rec_%"]
)
async def test_anything_else_names_no_record(client, identifier):
    answer = await client.get(f"/v1/records/{identifier}")
    assert answer.status_code == 404


async def test_an_ambiguous_prefix_is_a_conflict(site, client, monkeypatch):
    numbers = iter(["0badcafe00000001", "0badcafe00000002"])
    monkeypatch.setattr("xase_server.services.decisions.new_id", lambda prefix: f"{prefix}_{next(numbers)}")
    for _ in range(2):
        assert (await client.post("/v1/records", json=DECISION)).status_code == 201
    for path in ("", "/proof", "/interventions"):
        answer = await client.get(f"/v1/records/rec_0badcafe{path}")
        assert answer.status_code == 409
        assert answer.json()["error"]["details"] == {"resource": "record", "id": "rec_0badcafe"}
    assert (await client.get("/v1/records/rec_0badcafe00000001")).status_code == 200


# ------------------------------------------------------------------ interventions


@pytest.mark.parametrize(
    "body", [OVERRIDE, *({"action": a, "reason": "r"} for a in ("APPROVED", "REJECTED", "ESCALATED"))]
)
@pytest.mark.parametrize("path", ["interventions", "intervene"])
async def test_an_intervention_is_answered_listed_and_shown_on_the_record(client, record, body, path):
    answer = await client.post(f"/v1/records/{record['id']}/{path}", json=body)
    assert answer.status_code == 201
    act = answer.json()
    assert body.items() <= act.items()
    assert act["record_id"] == record["id"]
    assert act["actor_email"] == "admin@localhost"
    assert act["previous_hash"] == record["hash"]
    assert datetime.fromisoformat(act["signed_at"]) > datetime.fromisoformat(record["created_at"])
    listed = (await client.get(f"/v1/records/{record['id']}/interventions")).json()
    assert listed == {"data": [act], "total": 1, "limit": 20, "offset": 0, "next_cursor": None}
    assert (await client.get(f"/v1/records/{record['id']}")).json() == record | {"interventions": [act]}


async def test_an_interventions_signature_is_checked_with_the_published_key_alone(client, record, public_keys):
    act = (await client.post(f"/v1/records/{record['id']}/interventions", json=OVERRIDE)).json()
    said = {name: act[name] for name in ("action", "reason", "new_outcome", "actor_email", "record_id", "signed_at")}
    statement = canonical(said | {"record_hash": record["hash"]})
    verifier = DocumentVerifier(public_keys["document"]["public_key"])
    assert verifier.verify(statement, b64decode(act["signature"]))
    assert not verifier.verify(statement.replace(b"REJECTED", b"APPROVED"), b64decode(act["signature"]))


async def test_an_intervention_may_have_a_receipt(client, record, log_key):
    answer = await client.post(f"/v1/records/{record['id']}/interventions?receipt=true", json=OVERRIDE)
    entry = verify_receipt(answer.json()["receipt"], log_key)
    assert entry.type == "intervention"
    assert entry.body["record_hash"] == record["hash"]


async def test_several_interventions_are_listed_oldest_first_in_pages(client, record):
    path = f"/v1/records/{record['id']}/interventions"
    made = [(await client.post(path, json={"action": "ESCALATED", "reason": str(n)})).json()["id"] for n in range(5)]
    first = (await client.get(path, params={"limit": 3})).json()
    second = (await client.get(path, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in first["data"] + second["data"]] == made
    assert (first["total"], second["offset"], second["next_cursor"]) == (5, 3, None)


async def test_one_may_speak_for_another_only_where_the_key_says_so(client, record):
    wish = {"name": "desk", "role": "reviewer", "email": "desk@one.example", "may_act_for": ["ann@one.example"]}
    secret = (await client.post("/v1/keys", json=wish)).json()["key"]
    path = f"/v1/records/{record['id']}/interventions"
    as_ann = await client.post(path, json=OVERRIDE | {"actor_email": "ann@one.example"})
    assert as_ann.status_code == 400
    client.headers["authorization"] = f"Bearer {secret}"
    for email, status in (("ann@one.example", 201), ("desk@one.example", 201), ("bob@one.example", 400)):
        answer = await client.post(path, json=OVERRIDE | {"actor_email": email})
        assert answer.status_code == status
        if status == 201:
            assert answer.json()["actor_email"] == email


async def test_an_intervention_on_nothing_is_refused(client):
    answer = await client.post("/v1/records/rec_0000000000000000/interventions", json=OVERRIDE)
    assert answer.status_code == 404
    assert answer.json()["error"]["details"] == {"resource": "record", "id": "rec_0000000000000000"}


# ------------------------------------------------------------------ erasure


async def test_erasure_removes_the_content_and_keeps_the_proof(client, log_key):
    body = DECISION | {"context": {"name": "Ann"}, "explanation": {"why": "because"}}
    record = (await client.post("/v1/records", json=body)).json()
    before = (await client.get(f"/v1/records/{record['id']}/proof")).json()
    answer = await client.request("DELETE", f"/v1/records/{record['id']}/payload", json={"reason": "She asked"})
    assert answer.status_code == 200
    erased = answer.json()
    assert set(record) - set(erased) == {"input", "output", "context", "explanation"}
    assert erased["hash"] == record["hash"]
    assert erased["erased_reason"] == "She asked"
    assert datetime.fromisoformat(erased["erased_at"]) >= datetime.fromisoformat(record["created_at"])
    assert (await client.get(f"/v1/records/{record['id']}")).json() == erased
    proof = (await client.get(f"/v1/records/{record['id']}/proof")).json()
    assert verify_receipt(proof, log_key).hash == record["hash"]
    assert entry_digest(canonical(proof["entry"])) == before["hash"]
    evidence = (await client.get(f"/v1/evidence/{record['id']}")).json()
    assert not {"input", "output", "context", "explanation"} & set(evidence["disclosed"])


async def test_erasing_again_changes_nothing(client, record):
    path = f"/v1/records/{record['id']}/payload"
    first = await client.request("DELETE", path, json={"reason": "first"})
    size = (await client.get("/readyz")).json()["size"]
    again = await client.request("DELETE", path, json={"reason": "second"})
    assert again.json() == first.json()
    assert (await client.get("/readyz")).json()["size"] == size


async def test_an_erased_record_can_still_be_acted_on(client, record):
    await client.request("DELETE", f"/v1/records/{record['id']}/payload", json={"reason": "r"})
    answer = await client.post(f"/v1/records/{record['id']}/interventions", json=OVERRIDE)
    assert answer.status_code == 201
