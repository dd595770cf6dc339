"""Idempotency keys: one effect however often a request is sent, and the first answer again."""

import asyncio
import threading

import pytest

from tests.api.conftest import DECISION, finished_bundle, settled_bundle
from xase_server.services import datasets, policies, webhooks
from xase_server.services.outcome import recall

ACT = {"action": "OVERRIDE", "reason": "r", "new_outcome": {"decision": "REJECTED"}}


@pytest.fixture
def key(request):
    return {"Idempotency-Key": f"{request.node.name}"[:255].replace(" ", "_")}


def replayed(answer):
    return answer.headers.get("idempotency-replayed") == "true"


def refused(answer, status, slug):
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == slug


async def size(client):
    return (await client.get("/readyz")).json()["size"]


async def twice(client, method, path, body, headers):
    """The same request twice, with the ledger growing by one entry only."""
    before = await size(client)
    first = await client.request(method, path, json=body, headers=headers)
    second = await client.request(method, path, json=body, headers=headers)
    assert await size(client) == before + 1
    assert not replayed(first)
    assert replayed(second)
    assert first.status_code == second.status_code
    assert first.json() == second.json()
    assert first.headers.get("location") == second.headers.get("location")
    return first.json()


async def test_a_repeated_decision_is_recorded_once(client, key):
    record = await twice(client, "POST", "/v1/records", DECISION, key)
    assert (await client.get(f"/v1/records/{record['id']}")).json() == record


async def test_the_key_may_come_in_the_body_and_counts_like_the_header(client, key):
    name = key["Idempotency-Key"]
    first = await client.post("/v1/records", json=DECISION | {"idempotency_key": name})
    second = await client.post("/v1/records", json=DECISION, headers=key)
    third = await client.post("/v1/records", json=DECISION | {"idempotency_key": name}, headers=key)
    assert first.status_code == 201
    assert first.json() == second.json() == third.json()
    assert [replayed(each) for each in (first, second, third)] == [False, True, True]
    assert "idempotency_key" not in first.json()


async def test_header_and_body_that_disagree_are_refused(client, key):
    answer = await client.post("/v1/records", json=DECISION | {"idempotency_key": "another"}, headers=key)
    refused(answer, 400, "validation_error")
    assert answer.json()["error"]["details"][0]["field"] == "idempotency_key"


async def test_spelling_of_the_same_body_does_not_matter(client, key):
    plain = b'{"model_id":"m","input":{"a":1,"b":2.50},"output":{}}'
    other = b'{ "output": {}, "input": {"b": 2.5, "a": 1.0}, "model_id": "\\u006d" }'
    headers = key | {"content-type": "application/json"}
    first = await client.post("/v1/records", content=plain, headers=headers)
    second = await client.post("/v1/records", content=other, headers=headers)
    assert first.json() == second.json()


@pytest.mark.parametrize("change", [{"confidence": 0.5}, {"model_id": "x"}, {"input": {}}, {"context": {}}])
async def test_the_same_key_with_another_body_is_refused(client, key, change):
    assert (await client.post("/v1/records", json=DECISION, headers=key)).status_code == 201
    before = await size(client)
    refused(await client.post("/v1/records", json=DECISION | change, headers=key), 422, "idempotency_mismatch")
    assert await size(client) == before


async def test_the_same_key_for_another_endpoint_or_object_is_refused(client, key, record):
    path = f"/v1/records/{record['id']}/interventions"
    other = (await client.post("/v1/records", json=DECISION)).json()
    assert (await client.post(path, json=ACT, headers=key)).status_code == 201
    for elsewhere in (f"/v1/records/{other['id']}/interventions", "/v1/records", "/v1/keys"):
        body = {"/v1/records": DECISION, "/v1/keys": {"name": "k", "role": "auditor"}}.get(elsewhere, ACT)
        refused(await client.post(elsewhere, json=body, headers=key), 422, "idempotency_mismatch")


async def test_an_alias_shares_the_keys_of_its_endpoint(client, key, record):
    first = await client.post(f"/v1/records/{record['id']}/interventions", json=ACT, headers=key)
    second = await client.post(f"/v1/records/{record['id']}/intervene", json=ACT, headers=key)
    assert first.json() == second.json()
    assert replayed(second)


async def test_a_repeated_batch_is_recorded_once(client, key):
    before = await size(client)
    first = await client.post("/v1/records/batch", json=[DECISION] * 3, headers=key)
    second = await client.post("/v1/records/batch", json={"records": [DECISION] * 3}, headers=key)
    assert await size(client) == before + 3
    assert first.json() == second.json()
    assert replayed(second)


async def test_a_receipt_can_be_asked_for_on_the_retry(client, key):
    first = await client.post("/v1/records", json=DECISION, headers=key)
    second = await client.post("/v1/records?receipt=true", json=DECISION, headers=key)
    assert replayed(second)
    assert "receipt" not in first.json()
    assert second.json() == first.json() | {"receipt": second.json()["receipt"]}


async def test_a_repeated_intervention_happens_once(client, key, record):
    await twice(client, "POST", f"/v1/records/{record['id']}/interventions", ACT, key)
    assert (await client.get(f"/v1/records/{record['id']}/interventions")).json()["total"] == 1


async def test_a_repeated_erasure_happens_once(client, key, record):
    await twice(client, "DELETE", f"/v1/records/{record['id']}/payload", {"reason": "asked"}, key)


async def test_a_replay_does_not_bring_erased_content_back(client, key):
    record = (await client.post("/v1/records", json=DECISION, headers=key)).json()
    await client.request("DELETE", f"/v1/records/{record['id']}/payload", json={"reason": "asked"})
    again = await client.post("/v1/records", json=DECISION, headers=key)
    assert replayed(again)
    assert again.json()["id"] == record["id"]
    assert "input" not in again.json()
    assert "cust_123" not in again.text


async def test_an_erasure_under_another_key_is_no_replay(client, key, record):
    path = f"/v1/records/{record['id']}/payload"
    await client.request("DELETE", path, json={"reason": "asked"}, headers=key)
    again = await client.request("DELETE", path, json={"reason": "asked"}, headers={"Idempotency-Key": "another"})
    assert again.status_code == 200
    assert not replayed(again)


async def test_a_repeated_key_creation_shows_the_same_secret(client, key):
    created = await twice(client, "POST", "/v1/keys", {"name": "k", "role": "auditor"}, key)
    assert created["key"].startswith("xase_pk_")


async def test_a_repeated_rotation_shows_the_same_new_key(client, key):
    old = (await client.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()
    new = await twice(client, "POST", f"/v1/keys/{old['id']}/rotate", {"grace": "0"}, key)
    assert new["id"] != old["id"]
    refused(await client.post(f"/v1/keys/{old['id']}/rotate"), 409, "conflict")


async def test_a_repeated_revocation_happens_once(client, key):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()
    path = f"/v1/keys/{made['id']}"
    before = await size(client)
    first, second = [await client.delete(path, headers=key) for _ in range(2)]
    assert await size(client) == before + 1
    assert [replayed(first), replayed(second)] == [False, True]
    assert first.json() == second.json()


async def test_a_repeated_bundle_is_made_once(client, key, record):
    wish = {"record_ids": [record["id"]]}
    first = await client.post("/v1/evidence/bundles", json=wish, headers=key)
    running = await client.post("/v1/evidence/bundles", json=wish, headers=key)
    refused(
        await client.post("/v1/evidence/bundles", json=wish | {"purpose": "x"}, headers=key),
        422,
        "idempotency_mismatch",
    )
    assert (await settled_bundle(client, first.json()["bundle_id"]))["status"] == "READY"
    done = await client.post("/v1/evidence/bundles", json=wish, headers=key)
    assert first.json() == running.json() == done.json()
    assert [replayed(each) for each in (first, running, done)] == [False, True, True]
    refused(
        await client.post("/v1/evidence/bundles", json=wish | {"purpose": "x"}, headers=key),
        422,
        "idempotency_mismatch",
    )
    other = await finished_bundle(client, wish)
    assert other["bundle_id"] != first.json()["bundle_id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "\x7f", "k" * 256])
async def test_a_malformed_key_is_refused(client, key):
    answer = await client.post("/v1/records", json=DECISION, headers={"Idempotency-Key": key.encode()})
    refused(answer, 400, "validation_error")
    assert answer.json()["error"]["details"][0]["field"] == "Idempotency-Key"


async def test_a_refused_request_does_not_use_up_its_key(client, key):
    refused(await client.post("/v1/records", json=DECISION | {"confidence": 2}, headers=key), 400, "validation_error")
    assert (await client.post("/v1/records", json=DECISION, headers=key)).status_code == 201


async def test_another_api_key_may_use_the_same_idempotency_key(site, client, key):
    first = await client.post("/v1/records", json=DECISION, headers=key)
    async with site.client(site.mint(role="admin")) as other:
        second = await other.post("/v1/records", json=DECISION, headers=key)
    assert not replayed(second)
    assert second.json()["id"] != first.json()["id"]


async def test_a_request_that_still_runs_is_not_run_again(site, client, key, monkeypatch):
    """The first request is held inside the commit until the second has been answered."""
    begin = site.app.core.storage.begin
    held, go_on = threading.Event(), threading.Event()

    def slow():
        held.set()
        assert go_on.wait(20)
        return begin()

    monkeypatch.setattr(site.app.core.ledger, "_storage", _Proxy(site.app.core.storage, begin=slow))
    first = asyncio.create_task(client.post("/v1/records", json=DECISION, headers=key))
    await asyncio.to_thread(held.wait, 20)
    try:
        refused(await client.post("/v1/records", json=DECISION, headers=key), 409, "idempotency_in_progress")
        other = asyncio.create_task(client.post("/v1/records", json=DECISION, headers={"Idempotency-Key": "free"}))
    finally:
        go_on.set()
    assert (await first).status_code == (await other).status_code == 201
    assert replayed(await client.post("/v1/records", json=DECISION, headers=key))


class _Proxy:
    """A storage of which one method is replaced."""

    def __init__(self, storage, **methods):
        self._storage = storage
        self.__dict__.update(methods)

    def __getattr__(self, name):
        return getattr(self._storage, name)


async def test_of_many_equal_requests_at_once_one_takes_effect(client, key):
    before = await size(client)
    answers = await asyncio.gather(*(client.post("/v1/records", json=DECISION, headers=key) for _ in range(20)))
    assert await size(client) == before + 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "idempotency_in_progress")


async def test_a_restart_does_not_forget(open_site, tmp_path):
    site = open_site()
    header = {"Idempotency-Key": "over-the-restart"}
    async with site.client() as client:
        first = await client.post("/v1/records", json=DECISION, headers=header)
    await site.app.close()
    again = open_site(home=site.app.core.home.path)
    async with again.client(site.admin) as client:
        second = await client.post("/v1/records", json=DECISION, headers=header)
    await again.app.close()
    assert replayed(second)
    assert first.json() == second.json()


RULES = [{"id": "r", "effect": "permit"}]


@pytest.mark.parametrize(
    ("module", "path", "body"),
    [
        (datasets, "/v1/datasets", {"name": "registered-twice"}),
        (policies, "/v1/policies", {"id": "made-twice", "name": "p", "rules": RULES}),
        (policies, "/v1/policies", {"name": "named by the server", "rules": RULES}),
        (webhooks, "/v1/webhooks", {"url": "https://93.184.216.34/x", "events": ["intervention"]}),
    ],
    ids=["datasets", "policies", "unnamed policies", "webhooks"],
)
async def test_what_another_server_answered_meanwhile_is_the_answer(client, key, monkeypatch, module, path, body):
    first = await client.post(path, json=body, headers=key)
    looks = iter([True])

    async def too_early(reader, once):
        return None if next(looks, False) else await recall(reader, once)

    monkeypatch.setattr(module, "recall", too_early)
    second = await client.post(path, json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert replayed(second)
    assert first.json() == second.json()
