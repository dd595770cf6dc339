"""Evidence of one object, and bundles: made, listed, downloaded, verified by the offline verifier."""

import asyncio
import hashlib

import pytest

from tests.api.conftest import DECISION, finished_bundle, settled_bundle
from xase.proof.canonical import canonical
from xase.proof.digest import commitment
from xase.proof.keys import DocumentVerifier, LogVerifier
from xase.proof.receipt import verify_receipt
from xase.proof.verify import Trust, verify_bundle
from xase_server.settings import Settings


@pytest.fixture
async def trust(client):
    keys = (await client.get("/.well-known/xase-signing-keys.json")).json()["keys"]
    return Trust(
        log_keys=tuple(LogVerifier.from_vkey(key["vkey"]) for key in keys if key["use"] == "log"),
        document_keys=tuple(DocumentVerifier(key["public_key"]) for key in keys if key["use"] == "document"),
    )


async def test_evidence_proves_an_entry_and_opens_its_commitments(client, record, trust):
    evidence = (await client.get(f"/v1/evidence/{record['id']}")).json()
    entry = verify_receipt(evidence, *trust.log_keys)
    assert (evidence["id"], evidence["type"], evidence["hash"]) == (record["id"], "decision", record["hash"])
    disclosed = evidence["disclosed"]
    assert disclosed["input"]["value"] == DECISION["input"]
    for name, digest in entry.commitments.items():
        part = disclosed[name]
        assert commitment(name, bytes.fromhex(part["salt"]), canonical(part["value"])) == digest


async def test_evidence_of_an_intervention_is_there_too(client, record):
    act = {"action": "APPROVED", "reason": "r"}
    made = (await client.post(f"/v1/records/{record['id']}/interventions", json=act)).json()
    evidence = (await client.get(f"/v1/evidence/{made['id']}")).json()
    assert evidence["type"] == "intervention"
    assert evidence["hash"] == made["hash"]


@pytest.mark.parametrize(
    "identifier", ["ev_0000000000000000", "rec_0000000000000000", "nothing", "a" * 64, "a" * 65, "a%20b"]
)
async def test_evidence_of_nothing_is_not_found(client, identifier):
    answer = await client.get(f"/v1/evidence/{identifier}")
    assert answer.status_code == 404
    assert answer.json()["error"]["details"]["resource"] == "evidence"


async def test_a_bundle_of_named_records_verifies_offline(client, trust):
    records = (await client.post("/v1/records/batch", json=[DECISION] * 3)).json()["data"]
    ids = [record["id"] for record in records]
    await client.post(f"/v1/records/{ids[1]}/interventions", json={"action": "APPROVED", "reason": "r"})
    bundle = await finished_bundle(client, {"record_ids": ids, "purpose": "Test"})
    assert (bundle["status"], bundle["record_count"], bundle["entry_count"]) == ("READY", 3, 4)
    assert bundle["purpose"] == "Test"
    answer = await client.get(bundle["download_url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{bundle["bundle_id"]}.zip"'
    assert int(answer.headers["content-length"]) == len(answer.content) == bundle["size"]
    digest = hashlib.sha256(answer.content).hexdigest()
    assert bundle["sha256"] == f"sha256:{digest}"
    assert answer.headers["etag"] == f'"{digest}"'
    assert verify_bundle(answer.content, trust).verified
    changed = bytearray(answer.content)
    changed[len(changed) // 2] ^= 1
    assert not verify_bundle(bytes(changed), trust).verified


async def test_a_bundle_of_a_model_and_a_period_verifies_offline(client, trust):
    name = {"model_id": "bundled-model"}
    records = (await client.post("/v1/records/batch", json=[DECISION | name] * 5)).json()["data"]
    day = records[0]["created_at"][:10]
    for period, count in (({}, 5), ({"start_date": day, "end_date": day}, 5), ({"end_date": "2001-01-01"}, 0)):
        bundle = await finished_bundle(client, name | period)
        assert bundle["record_count"] == count
        content = (await client.get(bundle["download_url"])).content
        assert verify_bundle(content, trust).verified


async def test_a_bundle_without_payloads_holds_no_content(client, trust, record):
    wish = {"record_ids": [record["id"]], "include_payloads": False}
    content = (await client.get((await finished_bundle(client, wish))["download_url"])).content
    assert verify_bundle(content, trust).verified
    assert b"cust_123" not in content


async def test_bundles_are_listed_newest_first(client, record):
    made = [(await finished_bundle(client, {"record_ids": [record["id"]]}))["bundle_id"] for _ in range(3)]
    listed = (await client.get("/v1/evidence/bundles", params={"limit": 3})).json()
    assert [bundle["bundle_id"] for bundle in listed["data"]] == made[::-1]
    assert listed["total"] >= 3
    assert listed["next_cursor"] is None or listed["total"] > 3


async def test_a_bundle_in_the_making_and_one_that_failed_are_listed_too(client, stranger, record):
    before = (await client.get("/v1/evidence/bundles")).json()["total"]
    failed = await finished_bundle(client, {"record_ids": ["rec_0000000000000000"]})
    made = (await client.post("/v1/evidence/bundles", json={"record_ids": [record["id"]]})).json()["bundle_id"]
    page = (await client.get("/v1/evidence/bundles", params={"limit": 2})).json()
    assert [each["bundle_id"] for each in page["data"]] == [made, failed["bundle_id"]]
    assert page["total"] == before + 2
    assert page["data"][1] == failed
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "not_found")
    assert failed["bundle_id"] not in (await stranger.get("/v1/evidence/bundles")).text
    await settled_bundle(client, made)


async def test_a_stored_bundle_and_an_uploaded_one_get_the_same_verdict(client, record):
    bundle = await finished_bundle(client, {"record_ids": [record["id"]]})
    content = (await client.get(bundle["download_url"])).content
    stored = await client.post("/v1/evidence/verify", json={"bundle_id": bundle["bundle_id"]})
    sent = await client.post("/v1/evidence/verify", content=content, headers={"content-type": "application/zip"})
    assert stored.status_code == sent.status_code == 200
    assert stored.json() == sent.json()
    assert stored.json()["verification"] == {
        "valid": True,
        "signature_valid": True,
        "chain_intact": True,
        "timestamps_valid": True,
        "contents_valid": True,
    }
    assert stored.json()["errors"] == []


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"\0" * 100_000])
async def test_an_upload_that_is_no_bundle_is_judged_not_valid(client, content):
    answer = await client.post("/v1/evidence/verify", content=content, headers={"content-type": "application/zip"})
    assert answer.status_code == 200
    assert not any(answer.json()["verification"].values()), "nothing is known of what was not read"
    assert answer.json()["errors"]


async def test_a_tampered_upload_is_judged_not_valid(client, record):
    bundle = await finished_bundle(client, {"record_ids": [record["id"]]})
    content = bytearray((await client.get(bundle["download_url"])).content)
    content[len(content) // 3] ^= 0x40
    answer = await client.post(
        "/v1/evidence/verify", content=bytes(content), headers={"content-type": "application/zip"}
    )
    assert answer.status_code == 200
    assert answer.json()["verification"]["valid"] is False


async def test_an_upload_of_another_type_is_refused(client):
    answer = await client.post("/v1/evidence/verify", content=b"x", headers={"content-type": "application/x-tar"})
    assert answer.status_code == 415
    assert answer.json()["error"]["details"] == {"accepted": ["application/json", "application/zip"]}


async def test_a_bundle_that_is_still_being_made_can_neither_be_had_nor_verified(site, client, record, monkeypatch):
    places = asyncio.Semaphore(0)
    monkeypatch.setattr(site.app.services.bundles._exports, "_places", places)
    made = (await client.post("/v1/evidence/bundles", json={"record_ids": [record["id"]]})).json()
    had = await client.get(f"/v1/evidence/bundles/{made['bundle_id']}/download")
    verified = await client.post("/v1/evidence/verify", json={"bundle_id": made["bundle_id"]})
    places.release()
    assert (had.status_code, verified.status_code) == (409, 409)
    assert had.json()["error"]["details"] == {"resource": "bundle", "id": made["bundle_id"]}
    assert (await settled_bundle(client, made["bundle_id"]))["status"] == "READY"


async def test_a_bundle_of_a_record_that_does_not_exist_fails_saying_so(client):
    bundle = await finished_bundle(client, {"record_ids": ["rec_0000000000000000"]})
    assert bundle["status"] == "FAILED"
    assert bundle["error"]["code"] == "not_found"
    answer = await client.get(f"/v1/evidence/bundles/{bundle['bundle_id']}/download")
    assert answer.status_code == 404


async def test_an_upload_beyond_the_limit_is_refused(client):
    content = b"PK" + bytes(Settings().max_batch_bytes)
    answer = await client.post("/v1/evidence/verify", content=content, headers={"content-type": "application/zip"})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "payload_too_large"


async def test_another_organisations_bundle_is_not_verified(client, stranger, record):
    bundle = await finished_bundle(client, {"record_ids": [record["id"]]})
    answer = await stranger.post("/v1/evidence/verify", json={"bundle_id": bundle["bundle_id"]})
    assert answer.status_code == 404
    assert (await stranger.get(f"/v1/evidence/bundles/{bundle['bundle_id']}")).status_code == 404


async def test_a_bundle_that_was_asked_for_is_in_the_ledger_before_the_answer(client, record):
    made = (await client.post("/v1/evidence/bundles", json={"record_ids": [record["id"]], "purpose": "p"})).json()
    listed = (await client.get("/v1/audit", params={"type": "bundle_requested", "limit": 1})).json()["data"]
    assert listed[0]["body"] == {"bundle_id": made["bundle_id"], "format": "standard"}


async def test_a_bundle_that_cannot_be_made_says_why_and_the_ledger_does(client):
    made = await finished_bundle(client, {"record_ids": ["rec_ffffffffffffffff"]})
    assert (made["status"], made["error"]["code"]) == ("FAILED", "not_found")
    listed = (await client.get("/v1/audit", params={"type": "bundle_failed", "limit": 1})).json()["data"]
    assert listed[0]["body"] == {"bundle_id": made["bundle_id"], "code": "not_found"}


async def test_pages_of_bundles_neither_skip_nor_repeat_while_new_ones_come(client, record):
    wish = {"record_ids": [record["id"]]}
    made = [(await finished_bundle(client, wish))["bundle_id"] for _ in range(3)]
    found: list[str] = []
    cursor = None
    while len(found) < len(made):
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/evidence/bundles", params=query)).json()
        found, cursor = found + [bundle["bundle_id"] for bundle in page["data"]], page["next_cursor"]
        await finished_bundle(client, wish)
    assert found == made[::-1]
