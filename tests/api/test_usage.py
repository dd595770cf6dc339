"""What was used: the sums are those of what was done, for whom they concern."""

import asyncio
import shutil

import pytest

from tests.api.conftest import Site
from tests.api.sessions import make_dataset, make_policy, open_session
from tests.contract.logs import HandClock
from xase.proof.entry import format_time
from xase_server.app import create_app
from xase_server.settings import Settings

ROWS = [{"record_id": f"r{number}", "age": number} for number in range(50)]
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def clock():
    return HandClock()


@pytest.fixture(scope="module")
def site(signing_keys, tmp_path_factory, clock):
    """A server whose time moves only when told to."""
    home = tmp_path_factory.mktemp("timed") / "home"
    (home / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(signing_keys / "document.pem", home / "keys")
    app = create_app(Settings(home=home, organisation="org_one", rate_limit=0), clock=clock)
    made = Site(app, (home / "admin.key").read_text().strip(), "")
    yield Site(app, made.admin, made.mint(role="admin", organisation="org_two"))
    asyncio.run(app.close())


@pytest.fixture(scope="module")
def lab_key(site):
    return site.mint(role="ai_lab", organisation="org_lab")


@pytest.fixture
async def lab(site, lab_key):
    async with site.client(lab_key) as client:
        yield client


@pytest.fixture(scope="module")
async def story(site, lab_key, clock):
    """Two sessions of a lab on one dataset, a day apart, and one of the holder on another; an hour after the last."""
    began = clock.ms
    async with site.client() as holder, site.client(lab_key) as lab:
        policy = await make_policy(holder)
        shared = (await make_dataset(holder, ROWS, policy_id=policy))["dataset_id"]
        own = (await make_dataset(holder, ROWS))["dataset_id"]
        first = await open_session(lab, shared, duration="2h")
        await use(lab, first, 20, "m1")
        clock.ms += DAY
        second = await open_session(lab, shared)
        await use(lab, second, 10, "m1")
        await use(lab, second, 5, "m2")
        third = await open_session(holder, own)
        clock.ms += HOUR // 2
        await lab.delete(f"/v1/access/{second}")
        clock.ms += HOUR // 2
    return {"shared": shared, "own": own, "sessions": [first, second, third], "began": began}


async def use(client, session, size, model):
    """Read a page, count it, and say that the model was trained on it."""
    page = (await client.get(f"/v1/sessions/{session}/stream", params={"batch_size": size})).json()
    counted = await client.post(f"/v1/sessions/{session}/aggregate", json={"pipeline": [{"$count": "n"}]})
    assert counted.status_code == 200, counted.text
    records = [row["record_id"] for row in page["batch"]]
    wish = {"operation_type": "TRAIN", "records": records, "metadata": {"model_id": model}}
    assert (await client.post(f"/v1/sessions/{session}/operations", json=wish)).status_code < 300


async def usage(client, **query):
    answer = await client.get("/v1/usage", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def picked(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


async def test_a_session_sums_what_was_done_in_it(client, story):
    rows = await usage(client, group_by="session")
    names = ("session_id", "sessions", "records", "operations", "hours")
    first, second, third = story["sessions"]
    assert picked(rows, *names) == [(first, 1, 20, 1, 2.0), (second, 1, 15, 2, 0.5), (third, 1, 0, 0, 1.0)]
    for row in rows:
        stats = (await client.get(f"/v1/access/{row['session_id']}")).json()["usage_stats"]
        assert (row["records"], row["bytes"], row["queries"]) == (
            stats["records_accessed"],
            stats["bytes"],
            stats["queries"],
        )
    assert [row["bytes"] > 0 for row in rows] == [True, True, False]


async def test_a_dataset_sums_its_sessions(client, story):
    sessions = await usage(client, group_by="session")
    rows = await usage(client)
    names = ("dataset_id", "sessions", "records", "operations", "hours")
    assert picked(rows, *names) == [(story["shared"], 2, 35, 3, 2.5), (story["own"], 1, 0, 0, 1.0)]
    for name in ("bytes", "queries"):
        assert sum(row[name] for row in rows) == sum(row[name] for row in sessions)


async def test_a_model_sums_its_operations(client, lab, story):
    rows = await usage(client, group_by="model")
    names = ("model_id", "organisation", "sessions", "records", "operations")
    assert picked(rows, *names) == [("m1", "org_lab", 2, 30, 2), ("m2", "org_lab", 1, 5, 1)]
    assert await usage(lab, group_by="model") == rows


async def test_a_day_sums_what_happened_on_it(client, lab, story):
    rows = await usage(client, group_by="day")
    days = [format_time(story["began"] + number * DAY)[:10] for number in range(2)]
    names = ("day", "sessions", "records", "queries", "operations", "hours")
    assert picked(rows, *names) == [(days[0], 1, 20, 2, 1, 2.0), (days[1], 1, 15, 4, 2, 1.5)]
    assert picked(await usage(lab, group_by="day"), "day", "hours") == [(days[0], 2.0), (days[1], 0.5)]


async def test_a_period_of_days_chooses_what_happened_in_it(client, story):
    whole = await usage(client, group_by="day")
    first, second = (row["day"] for row in whole)
    assert await usage(client, group_by="day", end_date=first) == whole[:1]
    assert await usage(client, group_by="day", start_date=second) == whole[1:]
    half = format_time(story["began"] + HOUR)
    (row,) = await usage(client, group_by="day", start_date=half, end_date=first)
    assert (row["sessions"], row["records"], row["hours"]) == (0, 0, 1.0)


async def test_a_period_chooses_sessions_by_when_they_began(client, story):
    first, second, third = story["sessions"]
    border = format_time(story["began"] + HOUR)
    before = await usage(client, group_by="session", end_date=border)
    after = await usage(client, group_by="session", start_date=border)
    assert picked(before, "session_id", "hours") == [(first, 1.0)]
    assert [row["session_id"] for row in after] == [second, third]
    assert [row["model_id"] for row in await usage(client, group_by="model", end_date=border)] == ["m1"]


async def test_pages_hold_every_row_once(client, story):
    query = {"group_by": "session", "limit": 2}
    page = (await client.get("/v1/usage", params=query)).json()
    rest = (await client.get("/v1/usage", params=query | {"cursor": page["next_cursor"]})).json()
    assert (page["total"], rest["next_cursor"]) == (3, None)
    assert [row["session_id"] for row in page["data"] + rest["data"]] == story["sessions"]


async def test_others_see_only_their_own(lab, stranger, story):
    assert [row["dataset_id"] for row in await usage(lab)] == [story["shared"]]
    for grouping in ("dataset", "session", "model", "day"):
        assert await usage(stranger, group_by=grouping) == []


@pytest.mark.parametrize(
    ("role", "status"), [("data_holder", 200), ("auditor", 200), ("ai_lab", 200), ("reviewer", 403)]
)
async def test_these_roles_may_ask(site, role, status):
    async with site.client(site.mint(role=role)) as client:
        assert (await client.get("/v1/usage")).status_code == status


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("group_by", {"group_by": "week"}),
        ("start_date", {"start_date": "yesterday"}),
        ("start_date", {"start_date": "2026-02-01", "end_date": "2026-01-01"}),
        ("limit", {"limit": "0"}),
    ],
)
async def test_senseless_questions_are_named(client, field, query):
    answer = await client.get("/v1/usage", params=query)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
