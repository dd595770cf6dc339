"""Access over HTTP: bodies, scopes, isolation, replays, and the errors as the source document prints them."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.api.conftest import Site, ready_dataset
from tests.contract.logs import HandClock
from xase.proof.entry import format_time
from xase_server.app import create_app
from xase_server.settings import Settings

OPEN = {"name": "Open", "rules": [{"id": "all", "effect": "permit", "when": {"purpose": ["research"]}}]}


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def timed_site(signing_keys, tmp_path_factory, clock) -> Iterator[Site]:
    """A server whose time moves only when told to."""
    home = tmp_path_factory.mktemp("timed") / "home"
    (home / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(signing_keys / "document.pem", home / "keys")
    app = create_app(Settings(home=home, organisation="org_one", rate_limit=0), clock=clock)
    site = Site(app, (home / "admin.key").read_text().strip(), "")
    yield Site(app, site.admin, site.mint(role="admin", organisation="org_two"))
    asyncio.run(app.close())


@pytest.fixture
async def holder(timed_site) -> AsyncIterator[httpx2.AsyncClient]:
    async with timed_site.client() as client:
        yield client


@pytest.fixture
async def lab(timed_site) -> AsyncIterator[httpx2.AsyncClient]:
    async with timed_site.client(timed_site.mint(role="ai_lab", organisation="org_lab")) as client:
        yield client


@pytest.fixture
async def stranger(timed_site) -> AsyncIterator[httpx2.AsyncClient]:
    async with timed_site.client(timed_site.stranger) as client:
        yield client


@pytest.fixture
async def policy(holder) -> str:
    answer = await holder.post("/v1/policies", json=OPEN)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
async def dataset(holder, policy) -> str:
    return await ready_dataset(holder, policy_id=policy)


@pytest.fixture
def ask(dataset):
    return {"dataset_id": dataset, "purpose": "model-training", "model_id": "diagnostic-model-v2"}


async def opened(client, body) -> str:
    answer = await client.post("/v1/access", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session_id"])


def error(answer, status: int, slug: str):
    assert answer.status_code == status, answer.text
    body = answer.json()["error"]
    assert body["type"] == body["code"] == slug
    return body


async def test_a_session_is_seen_the_same_under_both_addresses(lab, holder, ask):
    session = (await lab.post("/v1/sessions", json=ask)).json()["session_id"]
    views = [
        (await client.get(f"/v1/{noun}/{session}")).json()
        for client in (lab, holder)
        for noun in ("access", "sessions")
    ]
    assert all(view == views[0] for view in views)
    assert views[0]["usage_stats"]["records_accessed"] == 0
    lists = [(await lab.get(f"/v1/{noun}?dataset_id={ask['dataset_id']}")).json() for noun in ("access", "sessions")]
    assert [(each["total"], each["data"][0]["session_id"]) for each in lists] == [(1, session)] * 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"purpose": None}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"purpose": 1}, "purpose"),
        ({"purpose": "x" * 129}, "purpose"),
        ({"purpose": "a\nb"}, "purpose"),
        ({"dataset_id": None}, "dataset_id"),
        ({"dataset_id": ""}, "dataset_id"),
        ({"dataset_id": "x" * 257}, "dataset_id"),
        ({"dataset": "both"}, "dataset_id"),
        ({"duration": "0d"}, "duration"),
        ({"duration": "30 d"}, "duration"),
        ({"duration": "30"}, "duration"),
        ({"duration": 30}, "duration"),
        ({"duration": "999999w"}, "duration"),
        ({"model_id": ""}, "model_id"),
        ({"model_id": "x" * 257}, "model_id"),
        ({"jurisdiction": []}, "jurisdiction"),
        ({"metadata": "text"}, "metadata"),
        ({"priority": 1}, "priority"),
    ],
)
async def test_each_field_that_is_wrong_is_named(lab, ask, change, field):
    body = {name: value for name, value in (ask | change).items() if value is not None}
    answer = await lab.post("/v1/access", json=body)
    assert field in [each["field"] for each in error(answer, 400, "validation_error")["details"]]


@pytest.mark.parametrize("reason", ["", 1, "x" * 4097, "a\0b", None])
@pytest.mark.parametrize("address", ["DELETE /v1/access/{}", "POST /v1/sessions/{}/close", "POST /v1/access/{}/revoke"])
async def test_a_reason_is_text_or_left_out(holder, ask, address, reason):
    method, path = address.split(" ")
    session = await opened(holder, ask)
    answer = await holder.request(method, path.format(session), json={"reason": reason})
    assert error(answer, 400, "validation_error")["details"][0]["field"] == "reason"
    unknown = await holder.request(method, path.format(session), json={"why": "x"})
    assert error(unknown, 400, "validation_error")["details"][0]["field"] == "why"
    assert (await holder.request(method, path.format(session))).status_code == 200


@pytest.mark.parametrize(
    "query", ["status=OPEN", "created_after=yesterday", "created_before=1", "limit=0", "limit=101", "session=1"]
)
async def test_lists_refuse_what_they_do_not_know(lab, query):
    answer = await lab.get(f"/v1/access?{query}")
    assert error(answer, 400, "validation_error")["details"][0]["field"] == query.split("=")[0]


async def test_a_refusal_says_what_could_be_changed(lab, ask, policy):
    answer = await lab.post("/v1/access", json=ask | {"purpose": "marketing"})
    body = error(answer, 403, "policy_violation")
    assert body["details"] == {
        "policy_id": policy,
        "policy_version": 1,
        "violations": [{"rule": "purpose_not_allowed", "message": "This purpose is not allowed"}],
    }


async def test_other_organisations_know_nothing_of_a_session(lab, stranger, ask):
    session = await opened(lab, ask)
    for method, path in [
        ("GET", "/v1/access/{}"),
        ("GET", "/v1/sessions/{}"),
        ("DELETE", "/v1/access/{}"),
        ("POST", "/v1/sessions/{}/close"),
        ("POST", "/v1/access/{}/revoke"),
    ]:
        known = await stranger.request(method, path.format(session))
        unknown = await stranger.request(method, path.format("sess_0000000000000000"))
        bodies = [error(each, 404, "not_found") for each in (known, unknown)]
        for body in bodies:
            body.pop("request_id")
        bodies[0]["details"]["id"] = bodies[1]["details"]["id"]
        assert bodies[0] == bodies[1]
    assert (await stranger.get("/v1/access")).json()["total"] == 0
    assert (await lab.get(f"/v1/access/{session}")).json()["status"] == "ACTIVE"


@pytest.mark.parametrize("way", ["close", "revoke"])
async def test_a_repeated_request_gets_the_first_answer(lab, holder, ask, way):
    headers = {"idempotency-key": f"opening-{ask['dataset_id']}"}
    first, again = [await lab.post("/v1/access", json=ask, headers=headers) for _ in range(2)]
    alias = await lab.post("/v1/sessions", json=ask, headers=headers)
    assert first.content == again.content == alias.content
    assert [each.headers.get("idempotency-replayed") for each in (first, again, alias)] == [None, "true", "true"]
    other = await lab.post("/v1/access", json=ask | {"purpose": "validation"}, headers=headers)
    error(other, 422, "idempotency_mismatch")
    session = first.json()["session_id"]
    client, address = (
        (lab, f"/v1/sessions/{session}/close") if way == "close" else (holder, f"/v1/access/{session}/revoke")
    )
    ends = [await client.post(address, json={}, headers={"idempotency-key": session}) for _ in range(2)]
    assert ends[0].content == ends[1].content
    assert [each.headers.get("idempotency-replayed") for each in ends] == [None, "true"]


async def test_a_session_ends_by_the_clock(lab, ask, clock):
    session = await opened(lab, ask | {"duration": "90m"})
    begun = clock.ms
    clock.ms += 90 * 60_000
    view = (await lab.get(f"/v1/access/{session}")).json()
    assert (view["status"], view["expires_at"]) == ("EXPIRED", format_time(begun + 90 * 60_000))
    listed = (await lab.get(f"/v1/access?status=EXPIRED&dataset_id={ask['dataset_id']}")).json()
    assert [each["session_id"] for each in listed["data"]] == [session]


async def test_periods_of_lists_include_their_first_moment_only(lab, ask, clock):
    session = await opened(lab, ask)
    at = format_time(clock.ms)
    for bounds, expected in [(f"created_after={at}", [session]), (f"created_before={at}", [])]:
        found = (await lab.get(f"/v1/access?dataset_id={ask['dataset_id']}&{bounds}")).json()["data"]
        assert [each["session_id"] for each in found] == expected


async def test_all_sessions_of_a_dataset_are_revoked_by_name(lab, holder, ask):
    sessions = [await opened(lab, ask) for _ in range(3)]
    name = (await holder.get(f"/v1/datasets/{ask['dataset_id']}")).json()["name"]
    answer = await holder.post(f"/v1/datasets/{name}/revoke", json={"reason": "Data holder has revoked access"})
    assert answer.json() == {"dataset_id": ask["dataset_id"], "sessions": sessions}
    view = (await lab.get(f"/v1/sessions/{sessions[0]}")).json()
    assert (view["status"], view["reason"]) == ("REVOKED", "Data holder has revoked access")


async def test_the_opening_is_evidence_that_the_lab_can_show(lab, ask):
    session = await opened(lab, ask)
    evidence = (await lab.get(f"/v1/evidence/{session}")).json()
    assert evidence["type"] == "session_opened"
    assert set(evidence["disclosed"]) == {"principal"}
    verdict = evidence["entry"]["body"]["verdict"]
    error(await lab.get(f"/v1/evidence/{verdict}"), 404, "not_found")


async def test_an_archived_dataset_takes_no_session(lab, holder, ask):
    await holder.delete(f"/v1/datasets/{ask['dataset_id']}")
    error(await lab.post("/v1/access", json=ask), 409, "conflict")
