"""Anonymised datasets and reports of risks over HTTP: what is made, what is refused, what the ledger says of it."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import NDJSON, settled_dataset
from tests.api.sessions import make_dataset, make_policy, open_session
from tests.api.test_datasets import entries, fresh_name, problems, refused
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest

NOTES = {
    "patient": {"class": "identifier"},
    "age": {"class": "quasi_identifier", "description": "years"},
    "zip": {"class": "quasi_identifier"},
    "ill": {"class": "sensitive"},
}
PEOPLE = [
    {"patient": f"p{n}", "age": 30 + n % 4, "zip": f"1011{n % 2}", "ill": ("flu", "hiv", "ms")[n % 3], "stay": n}
    for n in range(24)
]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def source(site):
    """A dataset of 24 people, a record each."""
    async with site.client() as client:
        made = await make_dataset(client, PEOPLE, name=fresh_name(), subject_field="patient", fields=NOTES)
    return str(made["dataset_id"])


@pytest.fixture
async def anonymise(client):
    """Asks for an anonymised dataset and answers it once it is made, or cannot be."""

    async def call(dataset, headers=None, **wish):
        wish = {"name": fresh_name(), "k": 4} | wish
        answer = await client.post(f"/v1/datasets/{dataset}/anonymize", json=wish, headers=headers, timeout=60)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json() if answer.status_code == 200 else await settled_dataset(client, answer.json()["name"])

    return call


async def rows_of(client, dataset: str) -> list[dict[str, Any]]:
    session = await open_session(client, dataset)
    page = await client.get(f"/v1/sessions/{session}/stream", params={"batch_size": 100})
    rows: list[dict[str, Any]] = page.json()["batch"]
    return rows


async def test_a_dataset_is_made_whose_people_look_alike(client, source, anonymise):
    made = await anonymise(source, l=2)
    assert (made["status"], made["version"], made["rows"]) == ("READY", 1, 24)
    assert made["derived_from"] == source
    assert made["fields"] == {path: NOTES[path] for path in ("age", "zip", "ill")}
    assert "policy_id" not in made
    rows = await rows_of(client, made["dataset_id"])
    assert {frozenset(row) for row in rows} == {frozenset({"record_id", "age", "zip", "ill", "stay"})}
    assert [row["record_id"] for row in rows] == [row["record_id"] for row in await rows_of(client, source)]
    classes: dict[Any, list[Any]] = {}
    for row in rows:
        classes.setdefault((row["age"], row["zip"]), []).append(row["ill"])
    assert all(len(ills) >= 4 and len(set(ills)) >= 2 for ills in classes.values())
    version = (await client.get(f"/v1/datasets/{made['name']}/versions")).json()["data"][0]
    assert (version["mode"], version["parent"]) == ("anonymize", {"dataset_id": source, "version": 1})


async def test_its_report_says_how_it_was_done_and_the_ledger_cites_it(client, source, anonymise):
    made = await anonymise(source, l=2, suppression_max=0.1)
    found = (await client.get(f"/v1/datasets/{made['name']}/versions/1/risk")).json()
    report = found["report"]
    assert report["asked"] == {"k": 4, "l": 2, "suppression_max": 0.1}
    assert report["counted"] == "persons"
    assert report["k"] >= 4
    assert report["prosecutor"]["max"] == 1 / report["k"]
    assert set(report["levels"]) == {"age", "zip"}
    assert report["removed"] == ["patient"]
    assert found["hash"] == sha256_digest(canonical(report))
    kinds = await entries(client, "dataset_version")
    entry = next(each for each in kinds if each["body"]["dataset_id"] == made["dataset_id"])
    assert entry["body"] | {"digest": "", "bytes": 0} == {
        "dataset_id": made["dataset_id"],
        "version": 1,
        "rows": 24,
        "bytes": 0,
        "digest": "",
        "mode": "anonymize",
        "parent": {"dataset_id": source, "version": 1},
        "k": 4,
        "l": 2,
        "suppression_max": 0.1,
        "risk_hash": found["hash"],
    }
    assert set(entry["commitments"]) == {"principal", "risk"}
    registered = next(e for e in await entries(client, "dataset_registered") if e["id"] == made["dataset_id"])
    assert registered["body"] == {"dataset_id": made["dataset_id"], "derived_from": source}


async def test_the_same_name_again_is_the_next_version(client, source, anonymise):
    made = await anonymise(source, k=2)
    again = await anonymise(source, name=made["name"], k=6)
    assert (again["dataset_id"], again["version"]) == (made["dataset_id"], 2)
    reports = [
        (await client.get(f"/v1/datasets/{made['name']}/versions/{number}/risk")).json()["report"] for number in (1, 2)
    ]
    assert [each["asked"]["k"] for each in reports] == [2, 6]


async def test_what_cannot_be_reached_makes_no_version(client, source, anonymise):
    failed = await anonymise(source, k=25)
    assert (failed["status"], failed["version"]) == ("FAILED", 0)
    assert failed["failure"].startswith("k = 25 cannot be reached")
    made = await anonymise(source, name=failed["name"], k=24)
    assert (made["status"], made["version"]) == ("READY", 1)
    kept = await anonymise(source, name=made["name"], k=4, l=4)
    assert (kept["version"], kept["last_failure"].startswith("k = 4 with l = 4 cannot")) == (1, True)


async def test_a_repeated_request_is_answered_with_the_same_dataset(client, source):
    wish, headers = {"name": fresh_name(), "k": 4}, {"idempotency-key": fresh_name()}
    address = f"/v1/datasets/{source}/anonymize"
    first = await client.post(address, json=wish, headers=headers, timeout=60)
    view = await settled_dataset(client, wish["name"])
    again = await client.post(address, json=wish, headers=headers)
    assert again.json() == view
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json()["dataset_id"] == view["dataset_id"]
    assert view["version"] == 1
    refused(await client.post(address, json=wish | {"k": 5}, headers=headers), 422, "idempotency_mismatch")


async def test_a_derived_dataset_takes_no_raw_data_and_no_other_ones_name_is_taken(client, source, anonymise):
    made = await anonymise(source)
    for mode in ("append", "replace"):
        sent = await client.put(f"/v1/datasets/{made['name']}/data?mode={mode}", content=b'{"age": 1}', headers=NDJSON)
        assert refused(sent, 409, "conflict")["details"]["id"] == made["dataset_id"]
    other = await make_dataset(client, PEOPLE[:4], name=fresh_name())
    taken = await client.post(f"/v1/datasets/{source}/anonymize", json={"name": other["name"], "k": 2})
    assert refused(taken, 409, "conflict")["details"]["field"] == "name"
    foreign = await client.post(
        f"/v1/datasets/{other['dataset_id']}/anonymize",
        json={"name": made["name"], "k": 2, "quasi_identifiers": ["age"]},
    )
    assert refused(foreign, 409, "conflict")["details"]["field"] == "name"


async def test_who_has_withdrawn_is_not_part_of_the_result(client, anonymise):
    made = await make_dataset(client, PEOPLE, name=fresh_name(), subject_field="patient", fields=NOTES)
    source = made["dataset_id"]
    for patient in ("p3", "p7"):
        answer = await client.post(f"/v1/datasets/{source}/subjects/withdraw", json={"subject": patient})
        assert answer.status_code == 200
    made = await anonymise(source)
    assert made["rows"] == 22
    assert {row["stay"] for row in await rows_of(client, made["dataset_id"])} == set(range(24)) - {3, 7}
    report = (await client.get(f"/v1/datasets/{made['name']}/versions/1/risk")).json()["report"]
    assert (report["withheld"], report["suppressed"]) == (2, 0)


async def test_who_withdraws_while_it_is_made_is_not_part_of_it_either(client, site, anonymise, monkeypatch):
    made = await make_dataset(client, PEOPLE, name=fresh_name(), subject_field="patient", fields=NOTES)
    loop, derive = asyncio.get_running_loop(), site.app.library.derive

    def interrupted(*wish):
        found = derive(*wish)
        withdrawn = client.post(f"/v1/datasets/{made['dataset_id']}/subjects/withdraw", json={"subject": "p3"})
        assert asyncio.run_coroutine_threadsafe(withdrawn, loop).result(60).status_code == 200
        return found

    with monkeypatch.context() as patched:
        patched.setattr(site.app.library, "derive", interrupted)
        failed = await anonymise(made["dataset_id"])
    assert (failed["status"], failed["version"]) == ("FAILED", 0)
    assert failed["failure"] == "Somebody has withdrawn their consent meanwhile; ask again"
    assert (await anonymise(made["dataset_id"], name=failed["name"]))["rows"] == 23


async def test_what_is_sensitive_but_no_plain_value_is_not_passed_over(client):
    notes = {"age": {"class": "quasi_identifier"}, "ills": {"class": "sensitive"}, "ward": {"class": "sensitive"}}
    rows = [{"age": 30, "ills": ["flu"], "ward": ward} for ward in ("a", "b")]
    made = (await make_dataset(client, rows, name=fresh_name(), fields=notes))["dataset_id"]
    wish = {"name": fresh_name(), "k": 2, "l": 2}
    assert "ills" in problems(await client.post(f"/v1/datasets/{made}/anonymize", json=wish))["sensitive"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"k": 1}, "k"),
        ({"k": None}, "k"),
        ({"l": 1}, "l"),
        ({"suppression_max": 0.6}, "suppression_max"),
        ({"suppression_max": -0.1}, "suppression_max"),
        ({"name": "ds_0123456789abcdef"}, "name"),
        ({"name": "a b"}, "name"),
        ({"quasi_identifiers": []}, "quasi_identifiers"),
        ({"quasi_identifiers": ["age"]}, "quasi_identifiers"),
        ({"quasi_identifiers": ["age", "zip", "nothing"]}, "quasi_identifiers"),
        ({"quasi_identifiers": ["age", "zip", "record_id"]}, "quasi_identifiers"),
        ({"quasi_identifiers": ["age", "zip", "patient"]}, "quasi_identifiers"),
        ({"quasi_identifiers": ["age", "zip", "zip"]}, "quasi_identifiers"),
        ({"sensitive": ["age"]}, "sensitive"),
        ({"sensitive": ["patient"]}, "sensitive"),
        ({"sensitive": [], "l": 2}, "l"),
        ({"scheme": "t-closeness"}, "scheme"),
    ],
)
async def test_a_wish_that_means_nothing_is_refused_by_field(client, source, wish, field):
    answer = await client.post(f"/v1/datasets/{source}/anonymize", json={"name": "anonymous", "k": 4} | wish)
    assert field in problems(answer)
    assert (await client.get("/v1/datasets/anonymous")).status_code == 404


async def test_without_data_or_of_somebody_else_there_is_nothing_to_anonymise(client, stranger, source):
    empty = (await client.post("/v1/datasets", json={"name": fresh_name()})).json()["dataset_id"]
    wish = {"name": fresh_name(), "k": 2}
    refused(await client.post(f"/v1/datasets/{empty}/anonymize", json=wish), 409, "conflict")
    refused(await stranger.post(f"/v1/datasets/{source}/anonymize", json=wish), 404, "not_found")


# ------------------------------------------------------------------ risks of any version


async def test_risks_of_raw_data_are_found_out_on_demand(client, source):
    found = (await client.post(f"/v1/datasets/{source}/versions/1/risk", json={})).json()
    assert found["report"]["quasi_identifiers"] == ["age", "zip"]
    assert (found["report"]["k"], found["report"]["classes"]) == (6, 4)
    assert "hash" not in found
    by_stay = await client.post(f"/v1/datasets/{source}/versions/1/risk", json={"quasi_identifiers": ["stay"]})
    assert (by_stay.json()["report"]["unique"], by_stay.json()["report"]["prosecutor"]["max"]) == (24, 1.0)


async def test_reports_are_for_the_holder_and_of_versions_that_have_one(client, stranger, source, anonymise):
    made = await anonymise(source)
    policy = await make_policy(client)
    await client.patch(f"/v1/datasets/{made['dataset_id']}", json={"policy_id": policy})
    for dataset, number in ((source, 1), (source, 2), (made["dataset_id"], 2)):
        refused(await client.get(f"/v1/datasets/{dataset}/versions/{number}/risk"), 404, "not_found")
    refused(await client.post(f"/v1/datasets/{source}/versions/2/risk", json={}), 404, "not_found")
    assert (await stranger.get(f"/v1/datasets/{made['dataset_id']}")).status_code == 200
    address = f"/v1/datasets/{made['dataset_id']}/versions/1/risk"
    refused(await stranger.get(address), 404, "not_found")
    refused(await stranger.post(address, json={}), 404, "not_found")
    problem = await client.post(f"/v1/datasets/{source}/versions/1/risk", json={"quasi_identifiers": ["nothing"]})
    assert "quasi_identifiers" in problems(problem)


async def test_lineage_leads_from_what_was_derived_to_where_it_came_from_and_back(client, source, anonymise):
    made = await anonymise(source)
    await rows_of(client, made["dataset_id"])
    edge = {"from": f"{made['dataset_id']}@1", "relation": "was derived from", "to": f"{source}@1"}
    for dataset in (made["dataset_id"], source):
        graph = (await client.get(f"/v1/datasets/{dataset}/lineage")).json()
        assert edge in graph["edges"]
    prov = (await client.get(f"/v1/datasets/{source}/lineage", params={"format": "prov"})).json()
    node = next(each for each in prov["@graph"] if each["@id"] == f"xase:{made['dataset_id']}@1")
    assert {"@id": f"xase:{source}@1"} in node["prov:wasDerivedFrom"]
