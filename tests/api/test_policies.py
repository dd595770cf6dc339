"""Policies: both forms, JSON and YAML, versions, what they would say and whom a change would touch."""

import json
from typing import Any

import pytest

from tests.api.conftest import NDJSON, settled_dataset
from tests.api.sessions import make_dataset, open_session
from xase_server.domain.ids import new_id

LINES = b'{"age": 61, "who": "p1"}\n{"age": 34, "who": "p2"}\n'
PLAIN = {
    "name": "Medical research",
    "rules": [
        {
            "allowed_models": ["research-v1"],
            "allowed_purposes": ["model-training", "validation"],
            "max_duration": "30d",
            "jurisdictions": ["EU", "UK"],
            "require_approval": True,
        }
    ],
    "rejection_behavior": "block_access",
}
RULE: dict[str, Any] = {
    "id": "train",
    "effect": "permit",
    "when": {"purpose": ["model-development"], "organisations": ["org_two"], "max_duration": "30d"},
    "constrain": {"deny_fields": ["who"], "min_group_size": 10},
}
FULL = {
    "name": "Records",
    "rules": [RULE, {"id": "never", "effect": "forbid", "when": {"purpose": ["marketing"]}}],
}
YAML = {"content-type": "application/yaml"}


def refused(answer, status, slug):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == slug
    return error


def problems(answer):
    return {each["field"]: each["message"] for each in refused(answer, 400, "validation_error")["details"]}


@pytest.fixture
async def make(client):
    """Makes a policy and answers it."""

    async def call(document=FULL, **more):
        answer = await client.post("/v1/policies", json=document | more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return call


def with_rule(**change):
    return FULL | {"rules": [RULE | change]}


# ------------------------------------------------------------------ making and changing


@pytest.mark.parametrize("document", [PLAIN, FULL], ids=["plain", "full"])
async def test_a_policy_is_kept_as_it_was_written(client, document):
    answer = await client.post("/v1/policies", json=document)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/policies/{made['id']}"
    assert (made["version"], made["name"], made["document"]) == (1, document["name"], document)
    assert made["id"].startswith("pol_")
    assert (await client.get(f"/v1/policies/{made['id']}")).json() == made
    assert (await client.get(f"/v1/policies/{made['id']}/versions/1")).json() == made


async def test_the_writer_may_choose_the_id_once(client, stranger):
    identifier = new_id("mine")
    assert (await client.post("/v1/policies", json=FULL | {"id": identifier})).json()["id"] == identifier
    answer = await client.post("/v1/policies", json=FULL | {"id": identifier})
    assert refused(answer, 409, "conflict")["details"]["field"] == "id"
    assert (await stranger.post("/v1/policies", json=FULL | {"id": identifier})).status_code == 201


async def test_a_version_is_an_entry_that_commits_to_the_text(client, make):
    made = await make()
    page = (await client.get("/v1/ledger/entries?limit=100")).json()
    entry = next(
        each["entry"] for each in page["data"] if each.get("entry", {}).get("body", {}).get("policy_id") == made["id"]
    )
    assert entry["type"] == "policy_version"
    assert entry["body"] == {"policy_id": made["id"], "version": 1, "hash": made["hash"]}
    assert set(entry["commitments"]) == {"document", "principal"}
    shown = (await client.get(f"/v1/evidence/{entry['id']}")).json()
    assert shown["disclosed"]["document"]["value"] == FULL


async def test_a_change_is_the_next_version_and_the_earlier_stay(client, make):
    made = await make()
    path = f"/v1/policies/{made['id']}"
    changed = (await client.put(path, json=FULL | {"name": "Stricter"})).json()
    assert (changed["version"], changed["name"]) == (2, "Stricter")
    assert (await client.get(path)).json() == changed
    listed = (await client.get(f"{path}/versions")).json()
    assert [each["version"] for each in listed["data"]] == [2, 1]
    assert listed["data"][1] == made


async def test_the_same_text_makes_no_version(client, make):
    made = await make()
    reordered = json.loads(json.dumps(FULL, sort_keys=True))
    assert (await client.put(f"/v1/policies/{made['id']}", json=reordered)).json() == made
    assert (await client.get(f"/v1/policies/{made['id']}/versions")).json()["total"] == 1


async def test_repeating_a_request_makes_one_version(client, make):
    key = {"Idempotency-Key": new_id("k")}
    first = await client.post("/v1/policies", json=FULL, headers=key)
    second = await client.post("/v1/policies", json=FULL, headers=key)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    path, change = f"/v1/policies/{first.json()['id']}", {"Idempotency-Key": new_id("k")}
    for _ in range(2):
        assert (await client.put(path, json=FULL | {"name": "n"}, headers=change)).json()["version"] == 2
    refused(await client.put(path, json=FULL, headers=change), 422, "idempotency_mismatch")


async def test_all_that_is_wrong_with_a_policy_is_told_at_once(client):
    document = {"rules": [{"id": "r", "effect": "perhaps", "when": {"actions": []}, "constrain": {"epsilon_total": 0}}]}
    assert problems(await client.post("/v1/policies", json=document)) == {
        "name": "Required field missing",
        "rules.0.effect": "Must be one of forbid, permit",
        "rules.0.when.actions": "Must have at least 1 item",
        "rules.0.constrain.epsilon_total": "Must be above 0",
    }


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"rules": FULL["rules"]}, "name"),
        ({"name": "n"}, "rules"),
        (FULL | {"colour": 1}, "colour"),
        (with_rule(unless={}), "rules.0.unless"),
        (FULL | {"name": ""}, "name"),
        (FULL | {"name": "n" * 257}, "name"),
        (FULL | {"rules": []}, "rules"),
        (FULL | {"id": "a b"}, "id"),
        (FULL | {"id": "a/b"}, "id"),
        (FULL | {"id": "i" * 129}, "id"),
        (with_rule(effect="allow"), "rules.0.effect"),
        (with_rule(priority="high"), "rules.0.priority"),
        (with_rule(when={"purpose": []}), "rules.0.when.purpose"),
        (with_rule(when={"max_duration": "soon"}), "rules.0.when.max_duration"),
        (with_rule(when={"actions": ["fly"]}), "rules.0.when.actions.0"),
        (with_rule(constrain={"min_group_size": 0}), "rules.0.constrain.min_group_size"),
        (with_rule(constrain={"transforms": {"who": {"op": "rot13"}}}), "rules.0.constrain.transforms.who.op"),
        (with_rule(effect="forbid"), "rules.0.constrain"),
        (FULL | {"rules": [FULL["rules"][0]] * 2}, "rules.1.id"),
    ],
)
async def test_a_faulty_policy_is_refused_with_its_place(client, document, field):
    before = (await client.get("/readyz")).json()["size"]
    assert list(problems(await client.post("/v1/policies", json=document))) == [field]
    assert (await client.get("/readyz")).json()["size"] == before


async def test_an_unknown_key_is_refused_wherever_it_is(client):
    for document in (
        FULL | {"colour": 1},
        with_rule(unless={}),
        with_rule(when={"weekday": ["mon"]}),
        PLAIN | {"x": 1},
    ):
        refused(await client.post("/v1/policies", json=document), 400, "validation_error")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"[]", "body"),
        (b"", "body"),
        (b'{"name": "a", "name": "b"}', "name"),
        (b'{"name": NaN}', "name"),
        (b"3", "body"),
    ],
)
async def test_json_is_read_as_strictly_as_everywhere(client, body, place):
    answer = await client.post("/v1/policies", content=body, headers={"content-type": "application/json"})
    assert list(problems(answer)) == [place]


async def test_another_id_in_the_body_than_in_the_address_is_refused(client, make):
    made = await make()
    path = f"/v1/policies/{made['id']}"
    assert list(problems(await client.put(path, json=FULL | {"id": "other"}))) == ["id"]
    assert (await client.put(path, json=FULL | {"id": made["id"]})).json()["version"] == 2


# ------------------------------------------------------------------ YAML

TEXT = """
# for the cardiology ward
name: Records
rules:
  - id: train
    effect: permit
    when: {purpose: [model-training], jurisdictions: [NO, DE], models: ["*"]}
    constrain: {min_group_size: 10, row_filter: {consent: true, seen: {$gte: 0.5}}}
"""


async def test_yaml_means_the_json_that_it_looks_like(client):
    answer = await client.post("/v1/policies", content=TEXT, headers=YAML)
    assert answer.status_code == 201, answer.text
    (rule,) = answer.json()["document"]["rules"]
    assert rule["when"] == {"purpose": ["model-training"], "jurisdictions": ["NO", "DE"], "models": ["*"]}
    assert rule["constrain"] == {"min_group_size": 10, "row_filter": {"consent": True, "seen": {"$gte": 0.5}}}
    assert (await client.put(f"/v1/policies/{answer.json()['id']}", json=answer.json()["document"])).json()[
        "version"
    ] == 1


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("name: &a x\nrules: *a", "name"),
        ("name: x\nname: y", "name"),
        ("name: x\nrules: [{id: r, id: s}]", "rules.0.id"),
        ("name: !!python/object:os.system x", "name"),
        ("name: !!binary aGk=", "name"),
        ("name: x\n---\nname: y", "body"),
        ("", "body"),
        ("- a\n- b", "body"),
        ("just text", "body"),
        ("name: [unclosed", "body"),
        ("? [a, b]\n: c", "body"),
        ("name: 99999999999999999999", "name"),
        ("name: " + "[" * 100 + "]" * 100, "name." + ".".join(["0"] * 62)),
        ("name: \x00", "body"),
    ],
)
async def test_yaml_that_is_more_than_json_is_refused(client, text, field):
    found = problems(await client.post("/v1/policies", content=text, headers=YAML))
    assert next(iter(found)).startswith(field[:200])


async def test_yaml_has_a_limit_of_its_own(client):
    answer = await client.post("/v1/policies", content="#" * (65 << 10), headers=YAML)
    assert refused(answer, 413, "payload_too_large")["details"] == {"limit_bytes": 64 << 10}


async def test_laughs_are_not_multiplied(client):
    text = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]"
    assert problems(await client.post("/v1/policies", content=text, headers=YAML))


# ------------------------------------------------------------------ isolation


async def test_a_policy_does_not_exist_for_others(make, stranger):
    made = await make()
    for method, tail, body in [
        ("GET", "", None),
        ("PUT", "", FULL),
        ("GET", "/versions", None),
        ("GET", "/versions/1", None),
        ("POST", "/simulate", {"purpose": "validation"}),
        ("POST", "/impact", FULL),
    ]:
        refused(await stranger.request(method, f"/v1/policies/{made['id']}{tail}", json=body), 404, "not_found")
    listed = (await stranger.get("/v1/policies?limit=100")).json()["data"]
    assert made["id"] not in {each["id"] for each in listed}


async def test_lists_hold_the_newest_first(client, make):
    made = [(await make())["id"] for _ in range(3)]
    page = (await client.get("/v1/policies?limit=2")).json()
    after = (await client.get("/v1/policies", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["data"] + after["data"]][:3] == made[::-1]


# ------------------------------------------------------------------ datasets under it


async def test_a_version_that_does_not_fit_its_datasets_is_refused(client, make):
    made = await make()
    name = new_id("name").replace("_", "-")
    await client.post("/v1/datasets", json={"name": name, "policy_id": made["id"]})
    await client.put(f"/v1/datasets/{name}/data", content=LINES, headers=NDJSON)
    assert (await settled_dataset(client, name))["status"] == "READY"
    path, unfit = f"/v1/policies/{made['id']}", with_rule(constrain={"fields": ["shoe_size"]})
    for answer in (await client.put(path, json=unfit), await client.post(f"{path}/impact", json=unfit)):
        ((field, message),) = problems(answer).items()
        assert field == "rules.0.constrain.fields.0"
        assert name in message
    assert (await client.put(path, json=with_rule(constrain={"fields": ["age"]}))).json()["version"] == 2


# ------------------------------------------------------------------ simulate


async def test_a_simulation_tells_the_verdict_and_why(client, make):
    path = f"/v1/policies/{(await make())['id']}/simulate"
    request = {"purpose": "training", "organisation": "org_two", "duration": "7d"}
    granted = (await client.post(path, json=request)).json()
    assert granted["verdict"] == "permit"
    assert granted["contract"]["deny_fields"] == ["who"]
    assert granted["contract"]["duration_ms"] == 30 * 86_400_000
    assert granted["contract_hash"].startswith("sha256:")
    longer = (await client.post(path, json=request | {"duration": "31d"})).json()
    assert [each["rule"] for each in longer["violations"]] == ["duration_too_long"]
    assert longer["contract"] is None
    clause = next(each for each in longer["trace"] if each["clause"] == "max_duration" and not each["held"])
    assert (clause["wanted"], clause["got"]) == ("30d", 31 * 86_400_000)
    forbidden = (await client.post(path, json=request | {"purpose": "marketing"})).json()
    assert [each["rule"] for each in forbidden["violations"]] == ["forbidden"]
    nobody = (await client.post(path, json={"purpose": "training"})).json()
    assert nobody["verdict"] == "deny"


async def test_a_simulation_counts_approvals(client, make):
    path = f"/v1/policies/{(await make(PLAIN))['id']}/simulate"
    request = {"purpose": "validation", "model_id": "research-v1", "jurisdiction": "EU", "duration": "1d"}
    waiting = (await client.post(path, json=request)).json()
    assert (waiting["verdict"], waiting["approvers"]) == ("approval_required", ["admin", "data_holder"])
    agreed = request | {"approvals": [{"approver": "a@b.example", "role": "admin"}]}
    assert (await client.post(path, json=agreed)).json()["verdict"] == "permit"


async def test_a_simulation_stores_nothing(client, make):
    path = f"/v1/policies/{(await make())['id']}/simulate"
    before = (await client.get("/readyz")).json()["size"]
    await client.post(path, json={"purpose": "training"})
    assert (await client.get("/readyz")).json()["size"] == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": None}, "purpose"),
        ({"purpose": "p" * 129}, "purpose"),
        ({"duration": "forever"}, "duration"),
        ({"duration": "0d"}, "duration"),
        ({"duration": "99999w"}, "duration"),
        ({"organisation": ""}, "organisation"),
        ({"approvals": [{"role": "admin"}]}, "approvals.0.approver"),
        ({"approvals": {}}, "approvals"),
        ({"user": "x"}, "user"),
    ],
)
async def test_a_faulty_simulation_is_refused(client, make, change, field):
    path = f"/v1/policies/{(await make())['id']}/simulate"
    assert list(problems(await client.post(path, json={"purpose": "training"} | change))) == [field]


# ------------------------------------------------------------------ impact


async def opened(client, lab, policy):
    """A session of the other organisation on a new dataset under the policy."""
    dataset = await make_dataset(client, [{"age": 61, "who": "p1"}], policy_id=policy["id"])
    return await open_session(lab, dataset["dataset_id"], duration="1d")


async def test_impact_names_the_sessions_that_a_change_would_touch(client, stranger, make):
    made = await make()
    session = await opened(client, stranger, made)
    path = f"/v1/policies/{made['id']}/impact"
    assert (await client.post(path, json=FULL)).json() == {"sessions": [], "unchanged": 1}
    narrower = with_rule(constrain={"deny_fields": ["who", "age"], "min_group_size": 20})
    (found,) = (await client.post(path, json=narrower)).json()["sessions"]
    assert (found["session_id"], found["effect"], found["organisation"]) == (session, "narrowed", "org_two")
    assert sorted(found["narrowed"]) == ["deny_fields", "min_group_size"]
    (cut,) = (await client.post(path, json=with_rule(when={"purpose": ["validation"]}))).json()["sessions"]
    assert (cut["effect"], [each["rule"] for each in cut["violations"]]) == ("cut", ["purpose_not_allowed"])
    (asked,) = (await client.post(path, json=with_rule(when={"approvals": {"roles": ["admin"]}}))).json()["sessions"]
    assert (asked["effect"], [each["rule"] for each in asked["violations"]]) == ("cut", ["approval_required"])
    assert (await client.get(f"/v1/policies/{made['id']}")).json() == made


async def test_impact_passes_over_sessions_under_other_policies(client, stranger, make):
    made, other = await make(), await make()
    await opened(client, stranger, other)
    answer = await client.post(f"/v1/policies/{made['id']}/impact", json=with_rule(when={"purpose": ["validation"]}))
    assert answer.json() == {"sessions": [], "unchanged": 0}


# ------------------------------------------------------------------ purposes


async def test_the_tree_of_purposes_is_listed(client):
    tree = {each["purpose"]: each for each in (await client.get("/v1/purposes")).json()["data"]}
    assert tree["model-training"]["parent"] == "model-development"
    assert tree["model-training"]["synonyms"] == ["training"]
    assert {each["parent"] for each in tree.values()} - {None} <= set(tree)


async def test_an_operator_may_keep_another_tree(open_site, tmp_path):
    file = tmp_path / "purposes.yaml"
    file.write_text('care: {label: "dpv:Care"}\ntriage: {parent: care, synonyms: [sorting]}\n')
    site = open_site(purposes_file=file)
    async with site.client() as client:
        assert [each["purpose"] for each in (await client.get("/v1/purposes")).json()["data"]] == ["care", "triage"]
        made = (await client.post("/v1/policies", json=with_rule(when={"purpose": ["care"]}))).json()
        answer = await client.post(f"/v1/policies/{made['id']}/simulate", json={"purpose": "sorting"})
        assert answer.json()["verdict"] == "permit"
    await site.app.close()
