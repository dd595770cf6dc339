"""Free text that is scrubbed while it is read, over HTTP: in the converting process, with all its bounds."""

import pytest

from tests.api.conftest import NDJSON, settled_dataset
from tests.api.sessions import open_session
from tests.api.test_datasets import entries, fresh_name, problems
from xase_server.domain.datasets import ENTITIES

LINES = b'{"who": "p1", "note": "write to ann@ward7.local, SSN 536-90-4399"}\n{"who": "p2", "note": "well"}\n'
SCRUB = {"note": {"class": "sensitive", "scrub": {"entities": ["EMAIL_ADDRESS", "US_SSN"]}}}


async def scrubbed(client, **wish):
    made = (await client.post("/v1/datasets", json={"name": fresh_name(), "fields": SCRUB} | wish)).json()
    await client.put(f"/v1/datasets/{made['dataset_id']}/data", content=LINES, headers=NDJSON, timeout=60)
    return await settled_dataset(client, made["dataset_id"])


async def test_text_is_scrubbed_before_anybody_can_read_it(client):
    made = await scrubbed(client)
    assert (made["status"], made["fields"]) == ("READY", SCRUB)
    session = await open_session(client, made["dataset_id"])
    page = (await client.get(f"/v1/sessions/{session}/stream")).json()
    assert [row["note"] for row in page["batch"]] == ["write to [EMAIL_ADDRESS], SSN [US_SSN]", "well"]


async def test_profile_schema_and_ledger_say_how_it_was_done(client):
    made = await scrubbed(client)
    address = f"/v1/datasets/{made['dataset_id']}"
    profile = (await client.get(f"{address}/profile")).json()["fields"]
    assert profile["note"]["scrubbed"] == {
        "label": "pattern_only",
        "entities": ["EMAIL_ADDRESS", "US_SSN"],
        "found": {"EMAIL_ADDRESS": 1, "US_SSN": 1},
    }
    assert "scrubbed" not in profile["who"]
    fields = {each["path"]: each for each in (await client.get(f"{address}/schema")).json()["fields"]}
    assert fields["note"]["scrub"] == SCRUB["note"]["scrub"]
    found = await entries(client, "dataset_version")
    entry = next(each for each in found if each["body"]["dataset_id"] == made["dataset_id"])
    assert entry["body"]["scrub"] == "pattern_only"
    assert set(entry["commitments"]) == {"principal", "scrubbed"}


async def test_without_a_list_all_kinds_are_looked_for(client):
    made = await scrubbed(client, fields={"note": {"scrub": {}}})
    assert made["fields"]["note"]["scrub"]["entities"] == list(ENTITIES)


@pytest.mark.parametrize("path", ["note.a", "nothing"])
async def test_what_is_no_text_makes_no_version(client, path):
    made = await scrubbed(client, fields={path: {"scrub": {}}})
    assert (made["status"], made["version"]) == ("FAILED", 0)
    assert f"'{path}' cannot be scrubbed" in made["failure"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"note": {"scrub": {"entities": []}}}, "fields.note.scrub.entities"),
        ({"note": {"scrub": {"entities": ["PERSON"]}}}, "fields.note.scrub.entities"),
        ({"note": {"scrub": {"model": "large"}}}, "fields.note.scrub.model"),
        ({"who": {"scrub": {}}}, "fields.who.scrub"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_refused(client, fields, named):
    name = fresh_name()
    answer = await client.post("/v1/datasets", json={"name": name, "subject_field": "who", "fields": fields})
    assert any(field.startswith(named) for field in problems(answer)), answer.text
    assert (await client.get(f"/v1/datasets/{name}")).status_code == 404


async def test_a_server_without_presidio_refuses_and_keeps_nothing(client, site, monkeypatch):
    made = await scrubbed(client, fields={})
    monkeypatch.setattr(site.app.services.datasets, "_scrubs", False)
    wish = {"name": fresh_name(), "fields": SCRUB}
    assert "xase[presidio]" in problems(await client.post("/v1/datasets", json=wish))["fields.note.scrub"]
    assert (await client.get(f"/v1/datasets/{wish['name']}")).status_code == 404
    changed = await client.patch(f"/v1/datasets/{made['dataset_id']}", json={"fields": SCRUB})
    assert "xase[presidio]" in problems(changed)["fields.note.scrub"]
    assert (await client.get(f"/v1/datasets/{made['dataset_id']}")).json()["fields"] == {}
