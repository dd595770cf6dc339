"""Bundles of sessions: exported by the lab and by the holder, and verified by the offline verifier."""

import json

import pytest

from tests.api.conftest import DECISION, finished_bundle
from tests.api.sessions import make_dataset, make_policy, open_session
from xase.proof.bundle import read_bundle
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase.proof.keys import DocumentVerifier, LogVerifier
from xase.proof.verify import Trust, verify_bundle

ROWS = [{"record_id": f"r{number}", "age": number} for number in range(50)]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def trust(client):
    keys = (await client.get("/.well-known/xase-signing-keys.json")).json()["keys"]
    return Trust(
        log_keys=tuple(LogVerifier.from_vkey(key["vkey"]) for key in keys if key["use"] == "log"),
        document_keys=tuple(DocumentVerifier(key["public_key"]) for key in keys if key["use"] == "document"),
    )


@pytest.fixture(scope="module")
async def used(site):
    """A dataset of the first organisation, and a session of the other on it: used, then revoked."""
    async with site.client() as holder, site.client(site.stranger) as lab:
        policy = await make_policy(holder, row_filter={"age": {"$gte": 10}})
        dataset = (await make_dataset(holder, ROWS, policy_id=policy))["dataset_id"]
        session = await open_session(lab, dataset, model_id="diagnostic-v1")
        await _use(lab, session)
        await holder.post(f"/v1/access/{session}/revoke", json={"reason": "no longer wanted"})
        denied = await lab.post("/v1/access", json={"dataset_id": dataset, "purpose": "x", "duration": "9000d"})
    return {"dataset": dataset, "session": session, "policy": policy, "denied": denied.status_code}


async def _use(lab, session):
    address = f"/v1/sessions/{session}"
    page = (await lab.get(f"{address}/stream", params={"batch_size": 20})).json()
    await lab.get(f"{address}/stream", params={"cursor": page["next_cursor"]})
    await lab.post(f"{address}/aggregate", json={"pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}}}]})
    claim = {"operation_type": "TRAIN", "records": ["r10", "r11", "r1"], "metadata": {"epochs": 3}}
    assert (await lab.post(f"{address}/operations", json=claim)).status_code < 300


async def files_of(client, trust, wish):
    """The files of the bundle that is made, which has verified."""
    made = await finished_bundle(client, wish)
    assert made["status"] == "READY", made
    content = (await client.get(made["download_url"])).content
    report = verify_bundle(content, trust)
    assert report.verified, report.to_text()
    return read_bundle(content).files


def entries(files):
    return [json.loads(line) for line in files["entries.ndjson"].splitlines()]


def shown(files):
    return {(part["entry"][:3], part["part"]) for part in map(json.loads, files["payloads/parts.ndjson"].splitlines())}


async def test_what_noisy_answers_cost_is_in_the_evidence(client, site, trust):
    terms = {"entity_key": "record_id", "epsilon_total": 1, "epsilon_per_query": 0.3}
    dataset = (await make_dataset(client, ROWS, policy_id=await make_policy(client, **terms)))["dataset_id"]
    pipeline = {"pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}}}]}
    async with site.client(site.stranger) as lab:
        sessions = [await open_session(each, dataset) for each in (client, lab)]
        for asking, session in zip((client, lab, client), (*sessions, sessions[0]), strict=True):
            assert (await asking.post(f"/v1/sessions/{session}/aggregate", json=pipeline)).status_code == 200
        seen = await files_of(lab, trust, {"session_id": sessions[1]})
    whole = await files_of(client, trust, {"dataset_id": dataset})
    assert [each["body"]["epsilon_spent"] for each in entries(seen) if "epsilon" in each["body"]] == ["0.6"]
    spent = [each["body"]["epsilon_spent"] for each in entries(whole) if "epsilon" in each["body"]]
    assert spent == ["0.3", "0.6", "0.9"]


async def test_guardrails_are_in_the_evidence_of_a_session(site, stranger, trust):
    async with site.client(site.mint(role="admin", organisation="org_guarded")) as holder:
        first, guardrail = await make_policy(holder), await make_policy(holder, max_records=30)
        dataset = (await make_dataset(holder, ROWS, policy_id=await make_policy(holder)))["dataset_id"]
        for named in ([first], [first, guardrail]):
            assert (await holder.put("/v1/guardrails", json={"policy_ids": named})).status_code == 200
        session = await open_session(stranger, dataset)
        await stranger.get(f"/v1/sessions/{session}/stream", params={"batch_size": 20})
        whole = await files_of(holder, trust, {"session_id": session})
        lab = await files_of(stranger, trust, {"session_id": session})
        await files_of(holder, trust, {"dataset_id": dataset})
    kinds = [entry["type"] for entry in entries(lab)]
    assert (kinds.count("policy_version"), kinds.count("guardrails_changed")) == (3, 1)
    verdict, opening = (entry["body"] for entry in entries(lab) if entry["type"] in {"verdict", "session_opened"})
    assert [each["policy_id"] for each in verdict["guardrails"]["policies"]] == [first, guardrail]
    assert opening["guardrails"] == verdict["guardrails"]
    assert f"guarded by version 1 of <code>{guardrail}</code>" in lab["report.html"].decode()
    parts = map(json.loads, whole["payloads/parts.ndjson"].splitlines())
    (contract,) = (part["value"] for part in parts if part["part"] == "contract")
    assert len(contract["salt"]) == 64
    assert sha256_digest(canonical(contract)) == opening["contract_hash"]
    assert contract["salt"].encode() not in b"".join(lab.values())


async def test_the_holder_exports_all_of_a_session(client, trust, used):
    files = await files_of(client, trust, {"session_id": used["session"], "purpose": "audit"})
    kinds = [entry["type"] for entry in entries(files)]
    assert kinds[:3] == ["policy_version", "dataset_version", "verdict"]
    assert kinds[3:] == ["session_opened", "release", "release", "aggregate", "operation", "access_revoked"]
    assert {("evt", "document"), ("vrd", "trace"), ("bat", "records")} <= shown(files)
    (usage,) = json.loads(files["usage.json"])["sessions"]
    assert (usage["releases"], usage["records_released"], usage["unknown_in_operations"]) == (2, 40, 1)
    (session,) = json.loads(files["session.json"])["sessions"]
    assert (session["purpose"], session["ended"]["type"]) == ("model-training", "access_revoked")
    (policy,) = json.loads(files["policy.json"])["policies"]
    assert policy["document"]["rules"][0]["constrain"] == {"row_filter": {"age": {"$gte": 10}}}
    assert len(files["operations/operations.ndjson"].splitlines()) == 1
    assert len(files["records/releases.ndjson"].splitlines()) == 3


async def test_the_lab_exports_it_without_what_the_policy_hides(stranger, trust, used):
    files = await files_of(stranger, trust, {"session_id": used["session"]})
    assert len(entries(files)) == 9
    assert not {("evt", "document"), ("vrd", "trace"), ("vrd", "contract")} & shown(files)
    assert ("bat", "records") in shown(files)
    assert b"$gte" not in b"".join(files.values())


async def test_a_bundle_without_payloads_discloses_nothing(client, trust, used):
    files = await files_of(client, trust, {"session_id": used["session"], "include_payloads": False})
    assert "payloads/parts.ndjson" not in files


async def test_operations_are_disclosed_unless_left_out(stranger, trust, used):
    files = await files_of(stranger, trust, {"session_id": used["session"], "include_operations": False})
    assert "operation" in [entry["type"] for entry in entries(files)], "a session's stream stays whole"
    assert "operations/operations.ndjson" not in files
    assert ("op_", "records") not in shown(files)


async def test_a_dataset_bundle_tells_of_denied_requests_too(client, trust, used):
    files = await files_of(client, trust, {"dataset_id": used["dataset"], "start_date": "2020-01-01"})
    outcomes = [entry["body"]["outcome"] for entry in entries(files) if entry["type"] == "verdict"]
    assert outcomes == ["permit"] or "permit" in outcomes
    assert json.loads(files["authorization.json"])["verdicts"][0]["sessions"] == [used["session"]]
    none = await files_of(client, trust, {"dataset_id": used["dataset"], "end_date": "2020-01-01"})
    assert entries(none) == []


async def test_a_model_bundle_with_operations_holds_the_sessions_that_fed_it(stranger, trust, used):
    await stranger.post("/v1/records", json=DECISION | {"model_id": "diagnostic-v1"})
    alone = await files_of(stranger, trust, {"model_id": "diagnostic-v1"})
    assert {entry["type"] for entry in entries(alone)} == {"decision"}
    both = await files_of(stranger, trust, {"model_id": "diagnostic-v1", "include_operations": True})
    assert {"decision", "release", "operation", "verdict"} <= {entry["type"] for entry in entries(both)}


async def test_equal_stores_make_equal_files(client, trust, used):
    one, other = [await files_of(client, trust, {"session_id": used["session"]}) for _ in range(2)]
    same = one.keys() - {"manifest.json", "signatures/bundle.sig", "report.html", "checkpoint", "proofs.json"}
    assert {name for name in same if one[name] != other[name]} == set()


async def test_a_bundle_with_a_document_verifies_and_the_document_is_one_of_its_files(client, trust, used):
    files = await files_of(client, trust, {"session_id": used["session"], "format": "pdf", "purpose": "Prüfung 監査"})
    assert files["report.pdf"].startswith(b"%PDF-")
    listed = [each["path"] for each in json.loads(files["manifest.json"])["files"]]
    assert {"report.html", "report.pdf"} <= set(listed)


async def test_the_report_says_what_the_policy_says_to_the_holder_only(client, stranger, trust, used):
    theirs, ours = [
        (await files_of(each, trust, {"session_id": used["session"]}))["report.html"].decode()
        for each in (stranger, client)
    ]
    assert "Only records that match {&#34;age&#34;: {&#34;$gte&#34;: 10}} exist." in ours
    assert "The rule that decided: <strong>all</strong>" in ours
    assert "the holder&#39;s to disclose" in theirs
    assert "$gte" not in theirs


async def test_whoever_is_no_party_finds_no_session(site, stranger, used):
    async with site.client(site.mint(role="admin", organisation="org_three")) as third:
        for wish in ({"session_id": used["session"]}, {"dataset_id": used["dataset"]}):
            assert (await third.post("/v1/evidence/bundles", json=wish)).status_code == 404
    answer = await stranger.post("/v1/evidence/bundles", json={"dataset_id": used["dataset"]})
    assert answer.status_code == 404, "a dataset's evidence is the holder's"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "record_ids"),
        ({"session_id": "sess_1", "model_id": "m"}, "model_id"),
        ({"session_id": "sess_1", "start_date": "2025-01-01"}, "start_date"),
        ({"record_ids": ["rec_0000000000000000"], "include_operations": True}, "include_operations"),
        ({"session_id": "sess_1", "format": "docx"}, "format"),
    ],
)
async def test_a_scope_that_says_too_much_or_nothing_is_refused(client, wish, field):
    answer = await client.post("/v1/evidence/bundles", json=wish)
    assert answer.status_code == 400
    assert field in [each["field"] for each in answer.json()["error"]["details"]]


async def test_a_stored_bundle_of_a_session_is_judged_statement_by_statement(client, used):
    made = await finished_bundle(client, {"session_id": used["session"]})
    judged = (await client.post("/v1/evidence/verify", json={"bundle_id": made["bundle_id"]})).json()
    assert set(judged["verification"].values()) == {True}
    assert judged["errors"] == []
