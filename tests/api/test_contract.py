"""The contract file: valid, committed as served, its examples true to their schemas, and the server true to it."""

import json
from itertools import chain

import pytest
from jsonschema import Draft202012Validator
from msgspec import structs
from referencing import Registry, Resource

from tests.api.conftest import DECISION, NDJSON, finished_bundle, ready_dataset, settled_dataset
from tests.conftest import REPOSITORY
from xase_server.domain.ids import new_id
from xase_server.domain.webhooks import Message
from xase_server.ports import Holding
from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.openapi import contract

DOCUMENT = json.loads(contract(ENDPOINTS))
OPERATIONS = [
    (method, path, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
REGISTRY = Registry().with_resource("urn:contract", Resource.opaque(DOCUMENT))


def faults(value, schema):
    """What is wrong with a value by a schema of the contract file."""
    located = json.loads(json.dumps(schema).replace('"#/', '"urn:contract#/'))
    validator = Draft202012Validator(located, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(value)]


def resolved(node):
    while "$ref" in node:
        target = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def test_the_committed_file_is_the_served_one():
    committed = REPOSITORY / "docs" / "reference" / "openapi.json"
    assert committed.read_bytes() == contract(ENDPOINTS), "run: python scripts/make_openapi.py"


async def test_the_server_serves_the_contract(client):
    answer = await client.get("/openapi.json")
    assert answer.content == contract(ENDPOINTS)
    assert answer.headers["content-type"] == "application/json"


def test_every_schema_is_a_valid_json_schema():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere():
    text = json.dumps(DOCUMENT)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    for reference in references:
        assert resolved({"$ref": reference})


def test_every_endpoint_is_in_it_with_a_name_of_its_own():
    assert len(OPERATIONS) == len(ENDPOINTS)
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda each: str(each)[:50])
def test_every_operation_is_whole(method, path, operation):
    assert operation["summary"]
    assert operation["responses"]
    placed = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert placed == {part.strip("{}") for part in path.split("/") if part.startswith("{")}
    for parameter in operation["parameters"]:
        assert parameter["description"]
    assert any(status.startswith("2") for status in operation["responses"])
    assert "500" in operation["responses"]
    if operation["security"]:
        assert "401" in operation["responses"]
    if "x-required-scope" in operation:
        assert "403" in operation["responses"]


def examples_of(operation):
    bodies = operation.get("requestBody", {}).get("content", {})
    answers = chain.from_iterable(response.get("content", {}).items() for response in operation["responses"].values())
    for media, content in chain(bodies.items(), answers):
        if "json" not in media or "schema" not in content:
            continue
        if "example" in content:
            yield content["example"], content["schema"]
        for example in content.get("examples", {}).values():
            yield resolved(example)["value"], content["schema"]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda each: str(each)[:50])
def test_every_example_is_what_its_schema_says(method, path, operation):
    for example, schema in examples_of(operation):
        assert faults(example, schema) == []


LINES = b'{"age": 61, "lab": {"glucose": 5.5}}\n{"age": 34, "lab": {"glucose": 4.1}}\n'
POLICY = {"name": "Research", "rules": [{"id": "r", "effect": "permit", "when": {"purpose": ["research"]}}]}


async def holding(site, client):
    """Calls of the data holder's endpoints, on a dataset and a policy that exist."""
    (site.app.core.home.data / "lines.ndjson").write_bytes(LINES)
    policy = (await client.post("/v1/policies", json=POLICY)).json()["id"]
    wish = {"name": new_id("name").replace("_", "-"), "source": "lines.ndjson", "policy_id": policy}
    dataset = (await client.post("/v1/datasets", json=wish)).json()["dataset_id"]
    await settled_dataset(client, dataset)
    anonymous = new_id("anonymous").replace("_", "-")
    path, governed = f"/v1/datasets/{dataset}", f"/v1/policies/{policy}"
    return {
        "register_dataset": ("POST", "/v1/datasets", {"name": new_id("other").replace("_", "-")}),
        "anonymize_dataset": (
            "POST",
            f"{path}/anonymize",
            {"name": anonymous, "k": 2, "quasi_identifiers": ["age"]},
        ),
        "get_risk": ("GET", f"/v1/datasets/{anonymous}/versions/1/risk", None),
        "assess_risk": ("POST", f"{path}/versions/1/risk", {"quasi_identifiers": ["age"]}),
        "list_datasets": ("GET", "/v1/datasets", None),
        "get_dataset": ("GET", path, None),
        "change_dataset": ("PATCH", path, {"fields": {"age": {"class": "sensitive", "description": "years"}}}),
        "upload_data": ("PUT", f"{path}/data?mode=append", LINES),
        "add_version": ("POST", f"{path}/versions", {"source": "lines.ndjson", "mode": "replace"}),
        "list_versions": ("GET", f"{path}/versions", None),
        "get_schema": ("GET", f"{path}/schema", None),
        "get_profile": ("GET", f"{path}/profile", None),
        "get_budget": ("GET", f"{path}/budget", None),
        "archive_dataset": ("DELETE", path, None),
        "create_policy": ("POST", "/v1/policies", POLICY),
        "list_policies": ("GET", "/v1/policies", None),
        "get_policy": ("GET", governed, None),
        "put_policy": ("PUT", governed, POLICY | {"description": "wider"}),
        "list_policy_versions": ("GET", f"{governed}/versions", None),
        "get_policy_version": ("GET", f"{governed}/versions/1", None),
        "simulate_policy": ("POST", f"{governed}/simulate", {"purpose": "research"}),
        "assess_policy": ("POST", f"{governed}/impact", POLICY),
        "list_purposes": ("GET", "/v1/purposes", None),
        "put_guardrails": ("PUT", "/v1/guardrails", {"policy_ids": []}),
        "assess_guardrails": ("POST", "/v1/guardrails/impact", {"policy_ids": []}),
        "get_guardrails": ("GET", "/v1/guardrails", None),
    }


@pytest.fixture
async def answers(site, client, record):
    """One good answer of every endpoint that answers JSON: (operation, status, value)."""
    path = f"/v1/records/{record['id']}"
    act = {
        "action": "OVERRIDE",
        "reason": "r",
        "new_outcome": {},
        "metadata": {"a": 1},
        "evidence_urls": ["https://a.example"],
    }
    bundle = await finished_bundle(client, {"record_ids": [record["id"]]})
    key = (await client.post("/v1/keys", json={"name": "k", "role": "auditor", "expires_at": "2999-01-01"})).json()
    full = DECISION | {"policy_id": "p", "context": {}, "explanation": {}, "model_version": "1", "model_hash": "h"}
    calls = {
        "create_record": ("POST", "/v1/records?receipt=true", full),
        "create_records": ("POST", "/v1/records/batch?receipt=true", [DECISION]),
        "list_records": ("GET", "/v1/records", None),
        "get_decision_metrics": ("GET", "/v1/metrics/decisions", None),
        "get_record": ("GET", path, None),
        "prove_record": ("GET", f"{path}/proof", None),
        "decision_lineage": ("GET", f"{path}/lineage", None),
        "model_lineage": ("GET", f"/v1/models/{record['model_id']}/lineage", None),
        "create_intervention": ("POST", f"{path}/interventions?receipt=true", act),
        "intervene": ("POST", f"{path}/intervene", act),
        "list_interventions": ("GET", f"{path}/interventions", None),
        "erase_payload": ("DELETE", f"{path}/payload", {"reason": "r"}),
        "get_evidence": ("GET", f"/v1/evidence/{record['id']}", None),
        "create_bundle": ("POST", "/v1/evidence/bundles", {"record_ids": [record["id"]]}),
        "list_bundles": ("GET", "/v1/evidence/bundles", None),
        "get_bundle": ("GET", f"/v1/evidence/bundles/{bundle['bundle_id']}", None),
        "verify_bundle": ("POST", "/v1/evidence/verify", {"bundle_id": bundle["bundle_id"]}),
        "list_entries": ("GET", "/v1/ledger/entries", None),
        "prove_inclusion": ("GET", f"/v1/ledger/proof/inclusion?entry={record['id']}", None),
        "prove_consistency": ("GET", "/v1/ledger/proof/consistency?first=1", None),
        "get_checkpoint": ("GET", "/v1/ledger/checkpoint", None),
        "get_signing_keys": ("GET", "/.well-known/xase-signing-keys.json", None),
        "create_key": ("POST", "/v1/keys", {"name": "k", "role": "auditor"}),
        "list_keys": ("GET", "/v1/keys", None),
        "get_key": ("GET", f"/v1/keys/{key['id']}", None),
        "rotate_key": ("POST", f"/v1/keys/{key['id']}/rotate", {}),
        "revoke_key": ("DELETE", f"/v1/keys/{key['id']}", None),
        "whoami": ("GET", "/v1/whoami", None),
        "get_health": ("GET", "/healthz", None),
        "get_readiness": ("GET", "/readyz", None),
    }
    calls |= await access_calls(client) | await approval_calls(site, client) | await webhook_calls(site, client)
    found = {}
    for name, (method, address, body) in (calls | await holding(site, client)).items():
        sent = {"content": body, "headers": NDJSON} if isinstance(body, bytes) else {"json": body}
        answer = await client.request(method, address, **sent)
        found[name] = (answer.status_code, answer.json())
    return found


ANONYMIZE = {"transformation": "anonymize", "parameters": {"fields": ["age"], "method": "redact"}}


async def approval_calls(site, client):
    """A call of every endpoint of approvals, on requests of a lab."""
    rule = {"id": "one", "effect": "permit", "when": {"approvals": {"roles": ["reviewer", "admin"]}}}
    policy = (await client.post("/v1/policies", json={"name": "asks", "rules": [rule]})).json()["id"]
    ask = {"dataset_id": await ready_dataset(client, policy_id=policy), "purpose": "validation"}
    async with site.client(site.mint(role="ai_lab", organisation="org_lab")) as lab:
        asked = [await lab.post("/v1/access", json=ask | {"model_id": name}) for name in "ab"]
    first, second = [answer.json()["error"]["details"]["approval_request_id"] for answer in asked]
    path = "/v1/access/approvals"
    return {
        "list_approvals": ("GET", path, None),
        "get_approval": ("GET", f"{path}/{first}", None),
        "approve_access": ("POST", f"{path}/{first}/approve", {"reason": "r"}),
        "deny_access": ("POST", f"{path}/{second}/deny", {}),
    }


async def webhook_calls(site, client):
    """A call of every endpoint of webhooks, of which one was sent a message already."""
    wish = {"url": "https://93.184.216.34/hook", "events": ["key_created"], "description": "d"}
    path = f"/v1/webhooks/{(await client.post('/v1/webhooks', json=wish)).json()['id']}"
    holding = Holding(path.rpartition("/")[2], "srv_contract")
    tried = {"status": "DEAD", "attempts": 10, "tried_ms": 1, "ended_ms": 2, "answer": 500, "failure": "status"}
    sent = Message(
        webhook=holding.webhook, index=1, id=new_id("msg"), entry="evt_1", type="key_created", created_ms=0, due_ms=0
    )
    site.app.core.storage.outbox.hold(holding, 0, 1, 0)
    site.app.core.storage.outbox.put(holding, 2, [structs.replace(sent, **tried)], {})
    return {
        "create_webhook": ("POST", "/v1/webhooks", wish),
        "list_webhooks": ("GET", "/v1/webhooks", None),
        "get_webhook": ("GET", path, None),
        "change_webhook": ("PATCH", path, {"description": "other"}),
        "rotate_webhook_secret": ("POST", f"{path}/rotate-secret", {"grace": "1h"}),
        "test_webhook": ("POST", f"{path}/test", None),
        "list_deliveries": ("GET", f"{path}/deliveries", None),
        "replay_delivery": ("POST", f"{path}/deliveries/{sent.id}/replay", None),
        "delete_webhook": ("DELETE", path, None),
    }


async def access_calls(client):
    """A call of every endpoint of access sessions."""
    dataset = await ready_dataset(client, subject_field="age")
    ask = {"dataset": dataset, "purpose": "validation", "model_id": "m"}
    one, two, three = [(await client.post("/v1/access", json=ask)).json()["session_id"] for _ in range(3)]
    data = f"/v1/sessions/{one}"
    record = (await client.get(f"{data}/stream")).json()["batch"][0]["record_id"]
    tokens = {"record_ids": [record], "transformation": "tokenize", "parameters": {"fields": ["age"]}}
    (hidden,) = (await client.post(f"{data}/transform", json=tokens)).json()["transformed_records"]
    return {
        "stream": ("GET", f"{data}/stream?batch_size=1", None),
        "get_data_record": ("GET", f"{data}/records/{record}", None),
        "filter_records": ("POST", f"{data}/filter", {"limit": 1}),
        "aggregate": ("POST", f"{data}/aggregate", {"pipeline": [{"$count": "n"}]}),
        "transform": ("POST", f"{data}/transform", ANONYMIZE | {"record_ids": [record]}),
        "record_operation": ("POST", f"{data}/operations", {"operation_type": "TRAIN", "records": [record, "x"]}),
        "list_events": ("GET", f"{data}/events", None),
        "withdraw_consent": ("POST", f"/v1/datasets/{dataset}/subjects/withdraw", {"subject": 57, "reason": "r"}),
        "detokenize": ("POST", f"/v1/datasets/{dataset}/detokenize", {"tokens": [hidden["age"], "x"], "reason": "r"}),
        "erase_tokens": ("POST", f"/v1/datasets/{dataset}/tokens/erase", {"tokens": [hidden["age"]], "reason": "r"}),
        "list_accesses": ("GET", f"/v1/datasets/{dataset}/records/{record}/accesses", None),
        "dataset_lineage": ("GET", f"/v1/datasets/{dataset}/lineage", None),
        "request_access": ("POST", "/v1/access", ask),
        "create_session": ("POST", "/v1/sessions", ask),
        "close_access": ("DELETE", f"/v1/access/{one}", {"reason": "r"}),
        "close_session": ("POST", f"/v1/sessions/{two}/close", {}),
        "revoke_access": ("POST", f"/v1/access/{three}/revoke", {"reason": "r"}),
        "revoke_dataset_access": ("POST", f"/v1/datasets/{dataset}/revoke", {}),
        "get_access": ("GET", f"/v1/access/{one}", None),
        "get_session": ("GET", f"/v1/sessions/{three}", None),
        "list_access": ("GET", "/v1/access", None),
        "list_sessions": ("GET", "/v1/sessions?status=REVOKED", None),
        "list_usage": ("GET", "/v1/usage", None),
        "list_audit": ("GET", "/v1/audit?limit=100", None),
    }


async def test_every_good_answer_is_what_its_schema_says(answers):
    without_json = {
        "download_bundle",
        "get_log_checkpoint",
        "get_tile",
        "get_entry_bundle",
        "get_metrics",
        "get_reference",
        "get_contract",
        "get_croissant",
    }
    operations = {operation["operationId"]: operation for _, _, operation in OPERATIONS}
    assert set(answers) == set(operations) - without_json
    for name, (status, value) in answers.items():
        content = operations[name]["responses"][str(status)]["content"]["application/json"]
        assert faults(value, content["schema"]) == [], name
