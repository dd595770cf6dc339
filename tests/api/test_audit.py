"""Who did what: every entry of an organisation once, newest first, and nothing of others."""

import csv
import io
import json

import pytest

from tests.api.conftest import DECISION
from tests.api.sessions import make_dataset, make_policy, open_session
from xase_server.services import trail

ROWS = [{"record_id": f"r{number}", "age": number} for number in range(10)]
LINES = {"accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def story(site):
    """A lab's session on a dataset of the first organisation, revoked; a decision of each of the two."""
    async with site.client() as holder, site.client(site.stranger) as lab:
        policy = await make_policy(holder)
        dataset = (await make_dataset(holder, ROWS, policy_id=policy))["dataset_id"]
        session = await open_session(lab, dataset)
        await lab.get(f"/v1/sessions/{session}/stream")
        await holder.post(f"/v1/access/{session}/revoke", json={"reason": "SECRET-REASON"})
        mine = (await holder.post("/v1/records", json=DECISION)).json()["id"]
        theirs = (await lab.post("/v1/records", json=DECISION)).json()["id"]
    return {"policy": policy, "dataset": dataset, "session": session, "mine": mine, "theirs": theirs}


async def audit(client, **query):
    """All that pages hold, one after the other."""
    found = []
    while True:
        answer = await client.get("/v1/audit", params=query)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if (cursor := answer.json()["next_cursor"]) is None:
            return found
        query["cursor"] = cursor


async def in_the_log(site, *streams):
    """The ids of these chains' entries, newest first."""
    core = site.app.core
    raws = core.storage.read(lambda reads: reads.entries(0, reads.head().size))
    entries = [json.loads(raw) for raw in raws]
    return [entry["id"] for entry in reversed(entries) if entry["stream"] in streams]


async def test_the_trail_is_the_chains_merged_newest_first(site, client, stranger, story):
    for who, organisation in ((client, "org_one"), (stranger, "org_two")):
        chains = (f"admin/{organisation}", f"decisions/{organisation}", f"session/{story['session']}")
        expected = await in_the_log(site, *chains)
        assert [row["id"] for row in await audit(who, limit=100)] == expected
        assert [row["id"] for row in await audit(who, limit=3)] == expected
        lines = (await who.get("/v1/audit", headers=LINES)).text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == expected


async def test_the_log_walked_gives_what_the_chains_give(client, story, monkeypatch):
    merged = [await audit(client, limit=limit) for limit in (3, 100)]
    monkeypatch.setattr(trail, "MOST_CHAINS", 1)
    assert [await audit(client, limit=limit) for limit in (3, 100)] == merged


async def test_a_small_organisation_is_read_whole_however_much_others_write(site, client, story, monkeypatch):
    async with site.client(site.mint(role="auditor", organisation="org_small")) as small:
        for _ in range(5):
            await client.post("/v1/records", json=DECISION)
        monkeypatch.setattr(trail, "MOST_WALKED", 2)
        page = (await small.get("/v1/audit")).json()
    assert (len(page["data"]), page["next_cursor"]) == (1, None)


async def test_the_trail_is_written_as_a_table(client, story):
    whole = await audit(client, limit=100)
    answer = await client.get("/v1/audit", headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["id"], row["type"], int(row["index"]), json.loads(row["body"])) for row in rows] == [
        (row["id"], row["type"], row["index"], row["body"]) for row in whole
    ]
    assert [row["key"] or None for row in rows] == [row["actor"].get("key") for row in whole]


async def test_short_stretches_miss_nothing(site, client, story, monkeypatch):
    whole = await audit(client, limit=100)
    monkeypatch.setattr(trail, "MOST_WALKED", 2)
    assert await audit(client, limit=100) == whole
    lines = (await client.get("/v1/audit", headers=LINES)).text.splitlines()
    assert [json.loads(line) for line in lines] == whole


async def test_new_entries_do_not_move_pages(client, story):
    first = (await client.get("/v1/audit", params={"limit": 2})).json()
    before = await audit(client, limit=100)
    await client.post("/v1/records", json=DECISION)
    rest = await audit(client, limit=100, cursor=first["next_cursor"])
    assert first["data"] + rest == before


async def test_neither_parts_nor_others_are_shown(site, client, stranger, story):
    text = (await client.get("/v1/audit", headers=LINES)).text
    assert "SECRET-REASON" not in text
    assert "customer_id" not in text
    assert story["theirs"] not in text
    assert story["mine"] not in (await stranger.get("/v1/audit", headers=LINES)).text
    for row in await audit(client, limit=100):
        assert ("key" in row["actor"]) == (row["actor"]["organisation"] == "org_one")
    async with site.client(site.mint(role="auditor", organisation="org_three")) as third:
        assert {row["stream"] for row in await audit(third)} == {"admin/org_three"}


async def test_filters_choose(client, stranger, story):
    whole = await audit(client, limit=100)
    revoked = await audit(client, type="access_revoked")
    assert [row["body"]["session_id"] for row in revoked] == [story["session"]]
    assert await audit(client, object=revoked[0]["id"]) == revoked
    of_session = await audit(client, object=story["session"])
    assert {f"session/{story['session']}"} <= {row["stream"] for row in of_session}
    key = revoked[0]["actor"]["key"]
    assert await audit(client, actor=key, limit=100) == [row for row in whole if row["actor"].get("key") == key]
    assert await audit(stranger, actor=key) == []


async def test_a_period_is_cut_exactly(client, story):
    whole = await audit(client, limit=100)
    border = whole[len(whole) // 2]["time"]
    later = await audit(client, start_date=border)
    earlier = await audit(client, end_date=border)
    at_it = await audit(client, start_date=border, end_date=border)
    assert at_it == [row for row in whole if row["time"] == border]
    assert later == [row for row in whole if row["time"] >= border]
    assert earlier == [row for row in whole if row["time"] <= border]


@pytest.mark.parametrize(
    ("role", "status"), [("data_holder", 200), ("auditor", 200), ("ai_lab", 403), ("reviewer", 403)]
)
async def test_these_roles_may_ask(site, role, status):
    async with site.client(site.mint(role=role)) as client:
        assert (await client.get("/v1/audit")).status_code == status


async def test_senseless_questions_are_named(client, stranger, story):
    backwards = await client.get("/v1/audit", params={"start_date": "2026-02-01", "end_date": "2026-01-01"})
    assert (backwards.status_code, backwards.json()["error"]["details"][0]["field"]) == (400, "start_date")
    assert (await client.get("/v1/audit", params={"limit": 101})).status_code == 400
    cursor = (await client.get("/v1/audit", params={"limit": 1})).json()["next_cursor"]
    for who, query in ((stranger, {}), (client, {"type": "decision"})):
        answer = await who.get("/v1/audit", params={"cursor": cursor} | query)
        assert answer.json()["error"]["code"] == "invalid_cursor"
