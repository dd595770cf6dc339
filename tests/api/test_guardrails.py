"""Guardrails: policies of an organisation that have a say on every dataset of its."""

import pytest

from tests.api.conftest import NDJSON, settled_dataset
from tests.api.sessions import make_dataset, make_policy, open_session

ROWS = [{"record_id": f"rec_{n}", "age": 30 + n, "who": f"p{n}"} for n in range(4)]


def refused(answer, status, slug):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == slug
    return error


def violations(answer):
    return [each["rule"] for each in refused(answer, 403, "policy_violation")["details"]["violations"]]


async def put(client, *policy_ids):
    answer = await client.put("/v1/guardrails", json={"policy_ids": list(policy_ids)})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(autouse=True)
async def without_guardrails(client):
    """Each test begins without any, and leaves none behind."""
    await put(client)
    yield
    await put(client)


async def make_forbidding(client, **when):
    rules = [{"id": "no", "effect": "forbid", "when": when}]
    made = await client.post("/v1/policies", json={"name": "never", "rules": rules})
    assert made.status_code == 201, made.text
    return made.json()["id"]


async def open_dataset(client, **constrain):
    policy = await make_policy(client, **constrain)
    return (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"], policy


async def ask(lab, dataset, **more):
    return await lab.post("/v1/access", json={"dataset_id": dataset, "purpose": "model-training"} | more)


async def fields(lab, session):
    answer = await lab.get(f"/v1/sessions/{session}/stream?batch_size=1")
    assert answer.status_code == 200, answer.text
    return sorted(answer.json()["batch"][0])


async def audit_of(client, type):
    return (await client.get(f"/v1/audit?type={type}&limit=100")).json()["data"]


# ------------------------------------------------------------------ naming them


async def test_guardrails_are_named_in_order_and_each_change_is_an_entry(client):
    one, two = await make_policy(client), await make_policy(client)
    named = await put(client, two, one)
    assert [each["id"] for each in named["policies"]] == [two, one]
    assert (await client.get("/v1/guardrails")).json() == named
    newest = (await audit_of(client, "guardrails_changed"))[0]
    assert (newest["id"], newest["body"]) == (named["evidence_id"], {"policy_ids": [two, one]})
    assert await put(client, two, one) == named
    assert (await audit_of(client, "guardrails_changed"))[0] == newest
    await put(client)
    assert (await audit_of(client, "guardrails_changed"))[0]["body"] == {"policy_ids": []}


async def test_what_cannot_be_a_guardrail_is_refused(client, stranger):
    own, theirs = await make_policy(client), await make_policy(stranger)
    answer = await client.put("/v1/guardrails", json={"policy_ids": [own, theirs, own, "nowhere"]})
    details = refused(answer, 400, "validation_error")["details"]
    assert details == [
        {"field": "policy_ids.1", "message": "There is no such policy"},
        {"field": "policy_ids.2", "message": "Named twice"},
        {"field": "policy_ids.3", "message": "There is no such policy"},
    ]
    assert (await client.get("/v1/guardrails")).json()["policies"] == []


async def test_the_same_request_again_is_answered_again(client):
    one = await make_policy(client)
    sent = {"json": {"policy_ids": [one]}, "headers": {"idempotency-key": "guard-once"}}
    first, again = await client.put("/v1/guardrails", **sent), await client.put("/v1/guardrails", **sent)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_guardrails_of_one_organisation_are_not_those_of_another(client, stranger):
    dataset, _ = await open_dataset(stranger)
    await put(client, await make_forbidding(client))
    assert (await stranger.get("/v1/guardrails")).json() == {"policies": [], "changed_at": None, "evidence_id": None}
    assert (await ask(client, dataset)).status_code == 200


# ------------------------------------------------------------------ what they do


async def test_a_guardrail_narrows_what_the_policy_of_each_dataset_permits(client, stranger):
    dataset, policy = await open_dataset(client, max_records=9)
    guardrail = await make_policy(client, deny_fields=["who"], max_records=3)
    await put(client, guardrail)
    session = await open_session(stranger, dataset)
    assert await fields(stranger, session) == ["age", "record_id"]
    verdict = (await audit_of(client, "verdict"))[0]
    assert [each["policy_id"] for each in verdict["body"]["guardrails"]["policies"]] == [guardrail]
    shown = (await client.get(f"/v1/evidence/{verdict['id']}")).json()["disclosed"]
    assert shown["trace"]["value"]["narrowed_by"]["max_records"] == f"guardrail:{guardrail}@1"
    assert shown["trace"]["value"]["chosen"] == {f"guardrail:{guardrail}@1": "all", f"dataset:{policy}@1": "all"}


async def test_a_guardrail_forbids_whatever_policies_permit(client, stranger):
    dataset, _ = await open_dataset(client)
    await put(client, await make_forbidding(client, purpose=["model-training"]))
    assert violations(await ask(stranger, dataset)) == ["forbidden"]
    assert (await ask(stranger, dataset, purpose="validation")).status_code == 200


async def test_a_guardrail_opens_nothing(client, stranger):
    dataset = (await make_dataset(client, ROWS))["dataset_id"]
    await put(client, await make_policy(client))
    assert (await ask(stranger, dataset)).status_code == 404


async def test_the_holder_keeps_to_its_own_guardrails(client):
    dataset = (await make_dataset(client, ROWS))["dataset_id"]
    await put(client, await make_policy(client, deny_fields=["who"]), await make_forbidding(client, models=["x"]))
    assert await fields(client, await open_session(client, dataset)) == ["age", "record_id"]
    assert violations(await ask(client, dataset, model_id="x")) == ["forbidden"]


async def test_a_stricter_guardrail_holds_at_once_and_a_looser_one_for_new_sessions(client, stranger):
    dataset, _ = await open_dataset(client)
    before = await open_session(stranger, dataset)
    assert await fields(stranger, before) == ["age", "record_id", "who"]
    guardrail = await make_policy(client, deny_fields=["who"])
    await put(client, guardrail)
    assert await fields(stranger, before) == ["age", "record_id"]
    during = await open_session(stranger, dataset)
    rule = {"id": "all", "effect": "permit", "constrain": {"deny_fields": ["age", "who"]}}
    await client.put(f"/v1/policies/{guardrail}", json={"name": "stricter", "rules": [rule]})
    assert await fields(stranger, during) == ["record_id"]
    await put(client)
    assert await fields(stranger, during) == ["age", "record_id"]  # what it was granted
    assert await fields(stranger, before) == ["age", "record_id", "who"]
    await put(client, await make_forbidding(client))
    assert violations(await stranger.get(f"/v1/sessions/{during}/stream")) == ["forbidden"]


async def test_a_guardrail_of_prohibited_actions_narrows_sessions(client, stranger):
    dataset, _ = await open_dataset(client)
    session = await open_session(stranger, dataset)
    await put(client, await make_forbidding(client, actions=["filter"]))
    answer = await stranger.post(f"/v1/sessions/{session}/filter", json={"filter": {}})
    assert violations(answer) == ["action_not_allowed"]
    assert await fields(stranger, session) == ["age", "record_id", "who"]


async def test_a_guardrail_asks_for_approval(client, stranger, site):
    dataset = (await make_dataset(client, ROWS))["dataset_id"]
    await put(client, await make_policy(client, when={"approvals": {"roles": ["reviewer"]}}))
    error = refused(await ask(client, dataset), 403, "approval_required")
    assert (error["details"]["policy_id"], error["details"]["approvers"]) == (None, ["reviewer"])
    path = f"/v1/access/approvals/{error['details']['approval_request_id']}"
    async with site.client(site.mint(role="reviewer")) as reviewer:
        voted = await reviewer.post(f"{path}/approve", json={})
    assert voted.json()["status"] == "APPROVED", voted.text
    assert (await ask(client, dataset)).status_code == 200


# ------------------------------------------------------------------ what others see


async def test_whom_a_guardrail_shuts_out_does_not_see_the_dataset(client, stranger):
    dataset, _ = await open_dataset(client)
    assert (await stranger.get(f"/v1/datasets/{dataset}")).status_code == 200
    await put(client, await make_forbidding(client, organisations=["org_two"]))
    assert (await stranger.get(f"/v1/datasets/{dataset}")).status_code == 404
    await put(client, await make_policy(client, when={"organisations": ["org_three"]}))
    assert (await stranger.get(f"/v1/datasets/{dataset}")).status_code == 404


async def test_others_see_the_fields_that_every_layer_shows(client, stranger):
    dataset, _ = await open_dataset(client)
    await put(client, await make_policy(client, deny_fields=["who"]), await make_forbidding(client, purpose=["x"]))
    schema = (await stranger.get(f"/v1/datasets/{dataset}/schema")).json()
    assert [each["path"] for each in schema["fields"]] == ["record_id", "age"]


async def test_a_session_does_not_tell_of_fields_that_its_dataset_lacks(client, stranger):
    dataset, _ = await open_dataset(client)
    guardrail = {"fields": ["age", "salary"], "transforms": {"salary": {"op": "hash"}}, "filterable_fields": ["salary"]}
    await put(client, await make_policy(client, **guardrail))
    session = await open_session(stranger, dataset)
    view = (await stranger.get(f"/v1/sessions/{session}")).json()
    assert "salary" not in str(view)
    assert (view["obligations"]["fields"], view["obligations"]["filterable_fields"]) == (["age"], [])
    assert await fields(stranger, session) == ["age", "record_id"]


# ------------------------------------------------------------------ whether they fit


async def test_a_guardrail_may_name_fields_that_a_dataset_lacks_where_that_lets_nothing_out(client):
    await open_dataset(client)
    absent = {"fields": ["nowhere"], "deny_fields": ["nowhere"], "transforms": {"nowhere": {"op": "mask"}}}
    await put(client, await make_policy(client, **absent))


@pytest.mark.parametrize(
    ("constrain", "field"),
    [
        ({"row_filter": {"nowhere": 1}}, "rules.0.constrain.row_filter.nowhere"),
        ({"entity_key": "nowhere"}, "rules.0.constrain.entity_key"),
        ({"transforms": {"who": {"op": "noise", "scale": 1.5}}}, "rules.0.constrain.transforms.who.op"),
    ],
)
async def test_a_guardrail_that_cannot_hold_for_a_dataset_is_refused(client, constrain, field):
    await open_dataset(client)
    guardrail = await make_policy(client, **constrain)
    answer = await client.put("/v1/guardrails", json={"policy_ids": [guardrail]})
    details = refused(answer, 400, "validation_error")["details"]
    assert field in {each["field"] for each in details}
    assert all("(dataset " in each["message"] for each in details)
    assert (await client.get("/v1/guardrails")).json()["policies"] == []


async def test_a_version_of_a_guardrail_must_fit_every_dataset(client):
    await open_dataset(client)
    guardrail = await make_policy(client, deny_fields=["nowhere"])
    await put(client, guardrail)
    rule = {"id": "all", "effect": "permit", "constrain": {"row_filter": {"nowhere": 1}}}
    answer = await client.put(f"/v1/policies/{guardrail}", json={"name": "p", "rules": [rule]})
    refused(answer, 400, "validation_error")


async def test_data_that_a_guardrail_does_not_fit_makes_no_version(site):
    async with site.client(site.mint(role="admin", organisation="org_three")) as holder:
        await put(holder, await make_policy(holder, row_filter={"consent": True}))
        made = (await holder.post("/v1/datasets", json={"name": "guarded"})).json()["dataset_id"]
        await holder.put(f"/v1/datasets/{made}/data", content=b'{"age": 1}\n', headers=NDJSON)
        view = await settled_dataset(holder, made)
        assert (view["version"], view["status"]) == (0, "FAILED")
        assert "row_filter" in view["failure"]


async def test_a_policy_that_an_older_version_cannot_keep_to_closes_its_sessions(client, stranger):
    dataset, policy = await open_dataset(client)
    session = await open_session(stranger, dataset)
    lines = b'{"record_id": "r1", "age": 5, "consent": true}\n'
    await client.put(f"/v1/datasets/{dataset}/data?mode=replace", content=lines, headers=NDJSON)
    assert (await settled_dataset(client, dataset))["version"] == 2
    rule = {"id": "all", "effect": "permit", "constrain": {"row_filter": {"consent": True}}}
    changed = await client.put(f"/v1/policies/{policy}", json={"name": "p", "rules": [rule]})
    assert changed.status_code == 200, changed.text
    answer = await stranger.get(f"/v1/sessions/{session}/stream")
    assert violations(answer) == ["policy_not_applicable"]
    assert "consent" not in answer.text


# ------------------------------------------------------------------ asking beforehand


async def test_a_simulation_asks_the_guardrails_too(client):
    policy, guardrail = await make_policy(client), await make_policy(client, max_records=3)
    await put(client, guardrail, await make_forbidding(client, purpose=["marketing"]))
    answer = (await client.post(f"/v1/policies/{policy}/simulate", json={"purpose": "validation"})).json()
    assert (answer["verdict"], answer["contract"]["max_records"]) == ("permit", 3)
    assert answer["narrowed_by"] == {"max_records": f"guardrail:{guardrail}@1"}
    answer = (await client.post(f"/v1/policies/{policy}/simulate", json={"purpose": "marketing"})).json()
    assert [each["rule"] for each in answer["violations"]] == ["forbidden"]
    assert {each["layer"].partition(":")[0] for each in answer["trace"]} == {"guardrail"}


async def test_a_guardrail_is_simulated_as_one(client):
    guardrail = await make_forbidding(client, purpose=["marketing"])
    path = f"/v1/policies/{guardrail}/simulate"
    assert (await client.post(path, json={"purpose": "validation"})).json()["verdict"] == "deny"
    await put(client, guardrail)
    answer = (await client.post(path, json={"purpose": "validation"})).json()
    assert (answer["verdict"], answer["policy_id"], answer["policy_version"]) == ("permit", guardrail, 1)


async def test_impact_tells_what_guardrails_would_do(client, stranger):
    dataset, _ = await open_dataset(client)
    session = await open_session(stranger, dataset)
    guardrail = await make_policy(client, deny_fields=["who", "nowhere"])

    async def impact(path, **body):
        found = (await client.post(path, json=body)).json()["sessions"]
        return {each["session_id"]: (each["effect"], each["narrowed"]) for each in found}.get(session)

    assert await impact("/v1/guardrails/impact", policy_ids=[guardrail]) == ("narrowed", ["deny_fields"])
    forbidding = await make_forbidding(client)
    assert await impact("/v1/guardrails/impact", policy_ids=[forbidding]) == ("cut", [])
    assert await impact("/v1/guardrails/impact", policy_ids=[]) is None
    await put(client, guardrail)
    rule = {"id": "all", "effect": "permit", "constrain": {"deny_fields": ["age"]}}
    path = f"/v1/policies/{guardrail}/impact"
    assert await impact(path, name="p", rules=[rule]) == ("narrowed", ["deny_fields"])


# ------------------------------------------------------------------ what is known of the contract


async def test_equal_contracts_have_other_hashes_so_that_none_can_be_guessed(client, stranger):
    dataset, _ = await open_dataset(client, row_filter={"age": {"$gt": 31}})
    one, two = await open_session(stranger, dataset), await open_session(stranger, dataset)
    views = [(await stranger.get(f"/v1/sessions/{each}")).json() for each in (one, two)]
    assert views[0]["contract_hash"] != views[1]["contract_hash"]
    assert "salt" not in str(views)


async def test_a_guardrail_bounds_what_an_organisation_has_of_all_datasets_together(client, stranger):
    first, policy = await open_dataset(client, per_organisation={"max_records": 9})
    second, _ = await open_dataset(client)
    sessions = [await open_session(stranger, dataset) for dataset in (first, second)]
    guardrail = await make_policy(client, per_organisation={"max_records": 2, "max_queries": 90})
    wish = {"purpose": "model-training", "organisation": "org_two"}
    await put(client, guardrail)
    verdict = (await client.post(f"/v1/policies/{policy}/simulate", json=wish)).json()
    assert verdict["contract"]["per_organisation"]["dataset"]["max_records"] == 9
    await stranger.get(f"/v1/sessions/{sessions[0]}/stream?batch_size=2")  # whatever other tests have left of the limit
    answer = await stranger.get(f"/v1/sessions/{sessions[1]}/stream?batch_size=2")
    details = refused(answer, 403, "quota_exceeded")["details"]
    assert (details["quota"], details["limit"], details["scope"]) == ("max_records", 2, "holder")
