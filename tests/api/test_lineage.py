"""Consent withdrawn, and lineage from data to decision and back."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import finished_bundle, settled_dataset
from tests.api.sessions import make_dataset, make_policy, open_session

ROWS: list[dict[str, Any]] = [
    {"record_id": f"rec_{number:04x}", "patient_id": f"p{number % 10}", "age": 20 + number} for number in range(60)
]
MODEL = "diagnostic-model-v2"


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def dataset(client):
    policy = await make_policy(client)
    return (await make_dataset(client, ROWS, subject_field="patient_id", policy_id=policy))["dataset_id"]


async def train(client, session: str, records: list[str]) -> None:
    wish = {"operation_type": "TRAIN", "records": records, "metadata": {"model_id": MODEL}}
    answer = await client.post(f"/v1/sessions/{session}/operations", json=wish)
    assert answer.json()["reconciliation"] == "matched"


async def withdraw(client, dataset: str, subject: str) -> dict[str, Any]:
    wish = {"subject": subject, "reason": "Withdrawn by the patient"}
    answer = await client.post(f"/v1/datasets/{dataset}/subjects/withdraw", json=wish)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def people_in(client, session: str) -> set[str]:
    found = await client.post(f"/v1/sessions/{session}/filter", json={"limit": 1000})
    return {row["patient_id"] for row in found.json()["records"]}


async def test_who_withdraws_is_gone_from_every_open_session(client, dataset):
    session = await open_session(client, dataset)
    page = (await client.get(f"/v1/sessions/{session}/stream", params={"batch_size": 20})).json()
    await withdraw(client, dataset, "p3")
    assert "p3" not in await people_in(client, session)
    rest = (
        await client.get(f"/v1/sessions/{session}/stream", params={"cursor": page["next_cursor"], "batch_size": 100})
    ).json()
    assert [row["record_id"] for row in rest["batch"]] == [
        row["record_id"] for row in ROWS[20:] if row["patient_id"] != "p3"
    ]
    counted = await client.post(f"/v1/sessions/{session}/aggregate", json={"pipeline": [{"$count": "n"}]})
    assert counted.json()["results"] == [{"n": 54}]
    gone = await client.get(f"/v1/sessions/{session}/records/rec_0003")
    assert gone.status_code == 404


async def test_who_withdraws_is_gone_from_new_versions_and_sessions(client, dataset):
    await withdraw(client, dataset, "p4")
    lines = b'{"record_id": "new", "patient_id": "p4", "age": 1}\n'
    sent = await client.put(
        f"/v1/datasets/{dataset}/data",
        content=lines,
        params={"mode": "append"},
        headers={"content-type": "application/x-ndjson"},
    )
    assert sent.json()["version"] == 2, sent.text
    assert "p4" not in await people_in(client, await open_session(client, dataset))


async def test_a_withdrawal_says_where_the_records_had_gone(client, dataset):
    session = await open_session(client, dataset)
    await client.get(f"/v1/sessions/{session}/records/rec_0005")
    await train(client, session, ["rec_0005"])
    untouched = await open_session(client, dataset)
    await client.get(f"/v1/sessions/{untouched}/records/rec_0006")
    answer = await withdraw(client, dataset, "p5")
    assert answer["records"] == 6
    assert [each["session_id"] for each in answer["sessions"]] == [session]
    assert [(each["model_id"], each["operations"]) for each in answer["models"]] == [(MODEL, 1)]
    again = await withdraw(client, dataset, "p5")
    assert again["withdrawal_id"] == answer["withdrawal_id"]


async def test_a_repeated_withdrawal_gets_the_first_answer(client, dataset):
    session = await open_session(client, dataset)
    await client.get(f"/v1/sessions/{session}/records/rec_0005")
    path, key = f"/v1/datasets/{dataset}/subjects/withdraw", {"idempotency-key": f"withdraw-{dataset}"}
    first, again = [await client.post(path, json={"subject": "p5", "reason": "r"}, headers=key) for _ in range(2)]
    assert first.json()["sessions"]
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert "idempotency-replayed" not in first.headers


async def test_withdrawing_needs_a_subject_field_and_the_holder(client, stranger):
    plain = (await make_dataset(client, ROWS))["dataset_id"]
    answer = await client.post(f"/v1/datasets/{plain}/subjects/withdraw", json={"subject": "p1"})
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "subject")
    foreign = await stranger.post(f"/v1/datasets/{plain}/subjects/withdraw", json={"subject": "p1"})
    assert foreign.status_code == 404


async def test_no_release_follows_a_withdrawal_while_streams_run(client, dataset):
    session = await open_session(client, dataset)

    async def read() -> None:
        for _ in range(15):
            await client.post(f"/v1/sessions/{session}/filter", json={"filter": {"patient_id": "p7"}})

    readers = [asyncio.create_task(read()) for _ in range(4)]
    withdrawal = (await withdraw(client, dataset, "p7"))["withdrawal_id"]
    await asyncio.gather(*readers)
    place = (await client.get(f"/v1/evidence/{withdrawal}")).json()["index"]
    accesses = await client.get(f"/v1/datasets/{dataset}/records/rec_0007/accesses", params={"limit": 100})
    assert all(each["index"] < place for each in accesses.json()["data"])


def names(graph: dict[str, Any], kind: str) -> set[str]:
    return {node["id"] for node in graph["nodes"] if node["type"] == kind}


@pytest.fixture
async def story(client, dataset):
    """A decision whose model was trained in a session on the dataset."""
    session = await open_session(client, dataset, model_id=MODEL)
    page = (await client.get(f"/v1/sessions/{session}/stream", params={"batch_size": 10})).json()
    await train(client, session, [row["record_id"] for row in page["batch"]])
    decision = await client.post("/v1/records", json={"model_id": MODEL, "input": {"a": 1}, "output": {"b": 2}})
    return {"dataset": dataset, "session": session, "decision": decision.json()["id"]}


async def test_a_decision_leads_to_the_data_behind_it(client, story):
    graph = (await client.get(f"/v1/records/{story['decision']}/lineage")).json()
    assert graph["root"] == story["decision"]
    assert story["session"] in names(graph, "session")
    assert f"{story['dataset']}@1" in names(graph, "dataset_version")
    assert {"from": story["decision"], "relation": "was made by", "to": f"model:{MODEL}"} in graph["edges"]
    assert {"from": story["session"], "relation": "used", "to": f"{story['dataset']}@1"} in graph["edges"]
    assert names(graph, "policy")


async def test_a_dataset_leads_to_the_decisions_made_of_it(client, story):
    graph = (await client.get(f"/v1/datasets/{story['dataset']}/lineage")).json()
    assert story["decision"] in names(graph, "decision")
    assert names(graph, "model") == {f"model:{MODEL}"}


async def test_withdrawn_persons_lead_to_the_decisions_they_touched(client, story):
    before = (await client.get(f"/v1/datasets/{story['dataset']}/lineage", params={"withdrawn": "true"})).json()
    assert names(before, "session") == set()
    await withdraw(client, story["dataset"], "p2")
    for query in ({"withdrawn": "true"}, {"subject": "p2"}, {"record_id": "rec_0002"}):
        graph = (await client.get(f"/v1/datasets/{story['dataset']}/lineage", params=query)).json()
        assert names(graph, "session") == {story["session"]}, query
        assert story["decision"] in names(graph, "decision")
    elsewhere = await client.get(f"/v1/datasets/{story['dataset']}/lineage", params={"record_id": "rec_0030"})
    assert names(elsewhere.json(), "session") == set()


async def test_lineage_speaks_prov_and_openlineage(client, story):
    address = f"/v1/models/{MODEL}/lineage"
    prov = await client.get(address, headers={"accept": "application/ld+json"})
    assert prov.headers["content-type"] == "application/ld+json"
    kinds = {node["@id"]: node["@type"] for node in prov.json()["@graph"]}
    assert kinds[f"xase:{story['session']}"] == "prov:Activity"
    lines = (await client.get(address, params={"format": "openlineage"})).text.splitlines()
    assert any(story["dataset"] in line and f"model:{MODEL}" in line for line in lines)


async def test_lineage_of_what_is_not_there_is_not_found(client, stranger, story):
    for path in ("/v1/models/nobody/lineage", "/v1/records/rec_ffffffffffffffff/lineage", "/v1/datasets/none/lineage"):
        assert (await client.get(path)).status_code == 404
    for path in (f"/v1/records/{story['decision']}/lineage", f"/v1/datasets/{story['dataset']}/lineage"):
        assert (await stranger.get(path)).status_code == 404


# ------------------------------------------------------------------ in datasets that were made of this one

CROWD: list[dict[str, Any]] = [
    {"record_id": f"rec_{n:04x}", "patient_id": f"p{n % 12}", "age": 90 if n == 13 else 30 + n % 2, "ward": f"w{n % 3}"}
    for n in range(24)
]
"""Everybody has two records; the second of p1 is like no other, and left out of what is made of them."""


@pytest.fixture
async def crowd(client):
    """A dataset, one that was made of it, and one that was made of that."""
    notes = {"patient_id": {"class": "identifier"}, "age": {"class": "quasi_identifier"}}
    made = [await make_dataset(client, CROWD, subject_field="patient_id", fields=notes)]
    for name in ("first", "second"):
        source = made[-1]["dataset_id"]
        wish = {"name": f"{source}-{name}".replace("ds_", "made-"), "k": 2, "suppression_max": 0.1}
        answer = await client.post(f"/v1/datasets/{source}/anonymize", json=wish, timeout=60)
        made.append(answer.json() if answer.status_code == 200 else await settled_dataset(client, wish["name"]))
        assert made[-1]["status"] == "READY", made[-1]
    return [each["dataset_id"] for each in made]


async def ids_in(client, session: str) -> set[str]:
    found = await client.post(f"/v1/sessions/{session}/filter", json={"limit": 1000})
    assert found.status_code == 200, found.text
    return {row["record_id"] for row in found.json()["records"]}


async def test_a_withdrawal_tells_of_whom_it_reached_only_through_what_was_made_of_the_data(client, crowd):
    source, first, second = crowd
    session = await open_session(client, second, model_id=MODEL)
    await client.get(f"/v1/sessions/{session}/records/rec_0001")
    await train(client, session, ["rec_0001"])
    untouched = await open_session(client, first)
    await client.get(f"/v1/sessions/{untouched}/records/rec_0002")
    answer = await withdraw(client, source, "p1")
    assert [(each["session_id"], each["dataset_id"], each["certain"]) for each in answer["sessions"]] == [
        (session, second, True)
    ]
    assert [each["model_id"] for each in answer["models"]] == [MODEL]
    told = [(each["dataset_id"], each["version"], each["records"], each["left_out"]) for each in answer["derived"]]
    assert told == [(first, 1, 1, 1), (second, 1, 1, 0)]
    assert answer["records"] == 2


async def test_who_withdraws_is_gone_from_what_was_made_of_the_data(client, crowd):
    source, first, second = crowd
    sessions = [await open_session(client, each) for each in (first, second)]
    for session in sessions:
        assert "rec_0001" in await ids_in(client, session)
    withdrawal = (await withdraw(client, source, "p1"))["withdrawal_id"]
    for session in sessions:
        assert await ids_in(client, session) == {row["record_id"] for row in CROWD} - {"rec_0001", "rec_000d"}
        evidence = await finished_bundle(client, {"session_id": session})
        checked = await client.post("/v1/evidence/verify", json={"bundle_id": evidence["bundle_id"]})
        assert checked.json()["verification"]["valid"], checked.text
    await withdraw(client, source, "p1")
    listed = (await client.get("/v1/audit", params={"type": "consent_withdrawn", "limit": 3})).json()["data"]
    bodies = [each["body"] for each in listed]
    assert [(each["dataset_id"], each.get("follows")) for each in bodies] == [
        (second, withdrawal),
        (first, withdrawal),
        (source, None),
    ]
    again = {"name": f"again-{second}", "k": 2, "quasi_identifiers": ["age"]}
    await client.post(f"/v1/datasets/{first}/anonymize", json=again, timeout=60)
    made = await settled_dataset(client, again["name"])
    assert made["rows"] == 22


async def test_lineage_of_a_person_leads_through_what_was_made_of_the_data(client, crowd):
    source, first, second = crowd
    session = await open_session(client, second)
    await client.get(f"/v1/sessions/{session}/records/rec_0001")
    await withdraw(client, source, "p1")
    for dataset in (source, first, second):
        for query in ({"subject": "p1"}, {"withdrawn": "true"}, {"record_id": "rec_0001"}):
            graph = (await client.get(f"/v1/datasets/{dataset}/lineage", params=query)).json()
            assert names(graph, "session") == {session}, (dataset, query)
            nodes = {node["id"]: node for node in graph["nodes"]}
            assert nodes[f"{second}@1"]["records"] == 1
            assert nodes[session]["certain"] is True
    graph = (await client.get(f"/v1/datasets/{source}/lineage", params={"subject": "p1"})).json()
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert (nodes[f"{first}@1"]["records"], nodes[f"{first}@1"]["left_out"]) == (1, 1)
    assert names((await client.get(f"/v1/datasets/{source}/lineage")).json(), "session") == {session}


async def test_what_was_made_of_a_dataset_names_nobody_and_says_whom_to_ask(client, crowd):
    source, first, _ = crowd
    answer = await client.post(f"/v1/datasets/{first}/subjects/withdraw", json={"subject": "p1"})
    assert answer.status_code == 400
    assert source in answer.json()["error"]["details"][0]["message"]
