"""Requests that wait for people: who may decide, what a vote does, and what it is worth later."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from msgspec.json import decode

from tests.api.conftest import Site, ready_dataset
from tests.contract.logs import HandClock
from xase_server.app import create_app
from xase_server.domain.entries import Unit
from xase_server.domain.principals import ROLES, Principal
from xase_server.domain.times import DAY_MS
from xase_server.services.keys import append_key, mint
from xase_server.settings import Settings

HOLDER, LAB = "org_one", "org_lab"
REASON = {"reason": "The ethics board agrees"}


def policy(quorum: int = 1, roles: tuple[str, ...] = ("data_holder", "reviewer"), **when: Any) -> dict[str, Any]:
    approvals = {"roles": list(roles), "quorum": quorum}
    rule = {"id": "one", "effect": "permit", "when": {"approvals": approvals, **when}}
    return {"name": "Approved research", "rules": [rule]}


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def timed(signing_keys, tmp_path_factory, clock) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("approvals") / "home"
    (home / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(signing_keys / "document.pem", home / "keys")
    app = create_app(Settings(home=home, organisation=HOLDER, rate_limit=0), clock=clock)
    yield Site(app, (home / "admin.key").read_text().strip(), "")
    asyncio.run(app.close())


@dataclass
class People:
    """Keys of people, and clients that stay open for the test."""

    site: Site
    stack: AsyncExitStack

    def key(self, email: str, role: str | None, organisation: str, scopes: tuple[str, ...] = ()) -> tuple[str, str]:
        """Id and secret of a new key of this person."""
        clock = self.site.app.core.clock
        minted = mint(
            organisation=organisation, email=email, name="test", role=role, scopes=scopes, now_ms=clock.now_ms()
        )
        operator = Principal(organisation, "key_operator", "operator@localhost", "operator", frozenset())
        self.site.app.core.ledger.append_now(Unit((append_key(operator, minted.row),)))
        return minted.row.id, minted.secret

    async def person(
        self, email: str, role: str | None, organisation: str = HOLDER, scopes: tuple[str, ...] = ()
    ) -> httpx2.AsyncClient:
        _, secret = self.key(email, role, organisation, scopes)
        return await self.stack.enter_async_context(self.site.client(secret))


@pytest.fixture
async def people(timed) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(timed, stack)


@pytest.fixture
async def admin(timed) -> AsyncIterator[httpx2.AsyncClient]:
    async with timed.client() as client:
        yield client


@pytest.fixture
async def lab(people) -> httpx2.AsyncClient:
    return await people.person("scientist@lab.example", "ai_lab", LAB)


@pytest.fixture
async def steward(people) -> httpx2.AsyncClient:
    return await people.person("steward@one.example", "data_holder")


@pytest.fixture
async def reviewer(people) -> httpx2.AsyncClient:
    return await people.person("reviewer@one.example", "reviewer")


async def governed(admin, document) -> tuple[str, str]:
    """A dataset under this policy: the ids of both."""
    made = await admin.post("/v1/policies", json=document)
    assert made.status_code == 201, made.text
    return await ready_dataset(admin, policy_id=made.json()["id"]), str(made.json()["id"])


def ask(dataset: str, **fields: Any) -> dict[str, Any]:
    return {"dataset_id": dataset, "purpose": "model-training", "model_id": "m-1", "duration": "30d"} | fields


def error(answer, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()["error"]
    assert body["code"] == slug
    return body


async def waiting(client, body) -> str:
    """The id of the request that waits."""
    details = error(await client.post("/v1/access", json=body), 403, "approval_required")["details"]
    return str(details["approval_request_id"])


def address(identifier: str, vote: str = "") -> str:
    return f"/v1/access/approvals/{identifier}" + (f"/{vote}" if vote else "")


def entries(site, *types: str) -> list[dict[str, Any]]:
    found = [decode(raw) for raw in site.app.core.storage.read(lambda reads: reads.entries(0, 100_000))]
    return [each for each in found if each["type"] in types]


async def test_an_approved_request_opens_a_session_that_names_its_approvals(timed, admin, lab, steward):
    dataset, named = await governed(admin, policy())
    answer = await lab.post("/v1/access", json=ask(dataset, metadata={"ticket": "T-1"}))
    details = error(answer, 403, "approval_required")["details"]
    identifier = details["approval_request_id"]
    assert details == {
        "policy_id": named,
        "policy_version": 1,
        "approval_request_id": identifier,
        "approvers": ["data_holder", "reviewer"],
        "status": "PENDING",
    }
    voted = (await steward.post(address(identifier, "approve"), json=REASON)).json()
    assert (voted["status"], voted["requested_by"]) == ("APPROVED", "scientist@lab.example")
    assert voted["metadata"] == {"ticket": "T-1"}
    (vote,) = voted["votes"]
    assert (vote["approver"], vote["reason"], vote["role"]) == ("steward@one.example", REASON["reason"], "data_holder")
    session = (await lab.post("/v1/access", json=ask(dataset))).json()["session_id"]
    opened = next(each for each in entries(timed, "session_opened") if each["id"] == session)
    assert opened["body"]["approval_request_id"] == identifier
    assert opened["body"]["approvals"] == [vote["evidence_id"]]
    assert (await lab.get(f"/v1/sessions/{session}/stream")).status_code == 200
    assert (await lab.post("/v1/access", json=ask(dataset))).status_code == 200


async def test_a_vote_is_an_entry_of_the_holder_with_its_reason_behind_a_commitment(timed, admin, lab, steward):
    dataset, _ = await governed(admin, policy())
    identifier = await waiting(lab, ask(dataset))
    view = (await steward.post(address(identifier, "approve"), json=REASON)).json()
    entry = entries(timed, "approval")[-1]
    assert entry["id"] == view["votes"][0]["evidence_id"]
    assert entry["stream"] == f"admin/{HOLDER}"
    assert entry["commitments"].keys() == {"principal", "reason"}
    assert entry["body"] == {
        "approval_request_id": identifier,
        "dataset_id": dataset,
        "verdict": entry["body"]["verdict"],
        "vote": "approve",
        "role": "data_holder",
        "status": "APPROVED",
    }
    verdict = next(each for each in entries(timed, "verdict") if each["id"] == entry["body"]["verdict"])
    assert verdict["body"]["approval_request_id"] == identifier
    proof = await steward.get(f"/v1/evidence/{entry['id']}")
    assert proof.status_code == 200
    assert (await lab.get(f"/v1/evidence/{entry['id']}")).status_code == 404


async def test_asking_the_same_again_answers_the_same_request(timed, admin, lab, people):
    dataset, _ = await governed(admin, policy())
    first = await waiting(lab, ask(dataset))
    assert await waiting(lab, ask(dataset)) == first
    again = await people.person("Scientist@Lab.Example", "ai_lab", LAB)
    assert await waiting(again, ask(dataset)) == first
    others = [
        await waiting(lab, ask(dataset, **change))
        for change in ({"purpose": "validation"}, {"model_id": "m-2"}, {"duration": "1d"}, {"jurisdiction": "DE"})
    ]
    colleague = await people.person("colleague@lab.example", "ai_lab", LAB)
    others.append(await waiting(colleague, ask(dataset)))
    assert len({first, *others}) == 6


async def test_the_same_asked_at_the_same_time_is_one_request(admin, lab):
    dataset, _ = await governed(admin, policy())
    assert len(set(await asyncio.gather(*(waiting(lab, ask(dataset)) for _ in range(8))))) == 1


async def test_a_quorum_wants_different_people(admin, lab, steward, reviewer, people):
    dataset, _ = await governed(admin, policy(quorum=2))
    identifier = await waiting(lab, ask(dataset))
    assert (await steward.post(address(identifier, "approve"), json=REASON)).json()["status"] == "PENDING"
    error(await steward.post(address(identifier, "approve"), json=REASON), 409, "conflict")
    twin = await people.person("Steward@one.example", "reviewer")
    error(await twin.post(address(identifier, "approve"), json=REASON), 409, "conflict")
    assert await waiting(lab, ask(dataset)) == identifier
    assert (await reviewer.post(address(identifier, "approve"))).json()["status"] == "APPROVED"
    assert (await lab.post("/v1/access", json=ask(dataset))).status_code == 200


async def test_two_votes_at_the_same_time_both_count(admin, lab, steward, reviewer):
    dataset, _ = await governed(admin, policy(quorum=2))
    path = address(await waiting(lab, ask(dataset)), "approve")
    answers = await asyncio.gather(steward.post(path, json=REASON), reviewer.post(path, json=REASON))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "APPROVED" in {answer.json()["status"] for answer in answers}


async def test_one_vote_against_it_is_enough_and_the_next_wish_is_a_new_request(admin, lab, steward, reviewer):
    dataset, _ = await governed(admin, policy(quorum=2))
    identifier = await waiting(lab, ask(dataset))
    await steward.post(address(identifier, "approve"), json=REASON)
    denied = (await reviewer.post(address(identifier, "deny"), json={"reason": "Too wide"})).json()
    assert denied["status"] == "DENIED"
    error(await steward.post(address(identifier, "approve"), json=REASON), 409, "conflict")
    shown = (await lab.get(address(identifier))).json()
    assert [vote["reason"] for vote in shown["votes"]] == [REASON["reason"], "Too wide"]
    assert await waiting(lab, ask(dataset)) != identifier


@pytest.mark.parametrize("vote", ["approve", "deny"])
async def test_nobody_decides_on_their_own_request(admin, people, vote):
    dataset, _ = await governed(admin, policy())
    own = await people.person("steward@one.example", "data_holder")
    identifier = await waiting(own, ask(dataset))
    other_key = await people.person("STEWARD@one.example", "reviewer")
    for client in (own, other_key):
        body = error(await client.post(address(identifier, vote), json=REASON), 403, "policy_violation")
        assert [each["rule"] for each in body["details"]["violations"]] == ["self_approval"]
    colleague = await people.person("second@one.example", "data_holder")
    assert (await colleague.post(address(identifier, vote), json=REASON)).status_code == 200


async def test_only_roles_of_the_policy_in_force_decide(admin, lab, steward, reviewer, people):
    dataset, named = await governed(admin, policy(roles=("reviewer",)))
    identifier = await waiting(lab, ask(dataset))
    bare = await people.person("bare@one.example", None, scopes=("access:approve", "sessions:read"))
    for client in (steward, admin, bare):
        body = error(await client.post(address(identifier, "approve"), json=REASON), 403, "policy_violation")
        assert [each["rule"] for each in body["details"]["violations"]] == ["approver_not_allowed"]
    assert (await admin.put(f"/v1/policies/{named}", json=policy(roles=("data_holder",)))).status_code == 200
    assert error(await reviewer.post(address(identifier, "approve")), 403, "policy_violation")
    assert (await steward.post(address(identifier, "approve"))).json()["status"] == "APPROVED"


async def test_a_role_that_nobody_holds_decides_nothing(admin, lab, steward):
    dataset, _ = await governed(admin, policy(roles=("data_steward", "dpo")))
    identifier = await waiting(lab, ask(dataset))
    error(await steward.post(address(identifier, "approve"), json=REASON), 403, "policy_violation")


async def test_the_requesters_own_organisation_decides_nothing(admin, lab, people):
    dataset, _ = await governed(admin, policy(roles=("admin", "data_holder")))
    identifier = await waiting(lab, ask(dataset))
    chief = await people.person("chief@lab.example", "admin", LAB)
    body = error(await chief.post(address(identifier, "approve"), json=REASON), 403, "policy_violation")
    assert [each["rule"] for each in body["details"]["violations"]] == ["approver_not_allowed"]
    same_person = await people.person("scientist@lab.example", "data_holder")
    body = error(await same_person.post(address(identifier, "approve"), json=REASON), 403, "policy_violation")
    assert [each["rule"] for each in body["details"]["violations"]] == ["self_approval"]


async def test_a_request_ends_by_the_servers_clock(admin, lab, steward, clock):
    dataset, _ = await governed(admin, policy())
    identifier = await waiting(lab, ask(dataset))
    clock.ms += 7 * DAY_MS
    assert (await lab.get(address(identifier))).json()["status"] == "EXPIRED"
    listed = (await lab.get(f"/v1/access/approvals?status=EXPIRED&dataset_id={dataset}")).json()
    assert [each["approval_request_id"] for each in listed["data"]] == [identifier]
    assert (await lab.get(f"/v1/access/approvals?status=PENDING&dataset_id={dataset}")).json()["total"] == 0
    error(await steward.post(address(identifier, "approve"), json=REASON), 409, "conflict")
    fresh = await waiting(lab, ask(dataset))
    assert fresh != identifier
    await steward.post(address(fresh, "approve"), json=REASON)
    clock.ms += 7 * DAY_MS
    assert await waiting(lab, ask(dataset)) not in {identifier, fresh}


async def test_an_approver_who_lost_the_role_does_not_count(admin, lab, people):
    dataset, _ = await governed(admin, policy())
    key, secret = people.key("leaving@one.example", "data_holder", HOLDER)
    leaving = await people.stack.enter_async_context(people.site.client(secret))
    identifier = await waiting(lab, ask(dataset))
    assert (await leaving.post(address(identifier, "approve"))).json()["status"] == "APPROVED"
    assert (await admin.delete(f"/v1/keys/{key}")).status_code == 200
    assert await waiting(lab, ask(dataset)) != identifier


async def test_a_person_who_rotated_the_key_still_counts(admin, lab, people, clock):
    dataset, _ = await governed(admin, policy())
    key, secret = people.key("rotating@one.example", "data_holder", HOLDER)
    client = await people.stack.enter_async_context(people.site.client(secret))
    await client.post(address(await waiting(lab, ask(dataset)), "approve"))
    assert (await admin.post(f"/v1/keys/{key}/rotate", json={"grace": "1m"})).status_code == 201
    clock.ms += 120_000
    assert (await lab.post("/v1/access", json=ask(dataset))).status_code == 200


async def test_a_later_policy_that_asks_for_approvals_keeps_sessions_whose_approvals_satisfy_it(
    admin, lab, steward, reviewer, clock
):
    dataset, named = await governed(admin, policy())
    await steward.post(address(await waiting(lab, ask(dataset)), "approve"))
    session = (await lab.post("/v1/access", json=ask(dataset))).json()["session_id"]
    stream = f"/v1/sessions/{session}/stream"
    clock.ms += 8 * DAY_MS
    later = policy(roles=("data_holder",), purpose=["model-training"])
    assert (await admin.put(f"/v1/policies/{named}", json=later)).status_code == 200
    assert (await lab.get(stream)).status_code == 200
    impact = (await admin.post(f"/v1/policies/{named}/impact", json=later)).json()
    assert [each for each in impact["sessions"] if each["session_id"] == session] == []
    assert (await admin.put(f"/v1/policies/{named}", json=policy(quorum=2))).status_code == 200
    body = error(await lab.get(stream), 403, "policy_violation")
    assert [each["rule"] for each in body["details"]["violations"]] == ["approval_required"]


async def test_a_session_without_approvals_ends_when_a_later_policy_asks_for_them(admin, lab):
    dataset, named = await governed(admin, {"name": "p", "rules": [{"id": "one", "effect": "permit"}]})
    session = (await lab.post("/v1/access", json=ask(dataset))).json()["session_id"]
    assert (await admin.put(f"/v1/policies/{named}", json=policy())).status_code == 200
    error(await lab.get(f"/v1/sessions/{session}/stream"), 403, "policy_violation")


async def test_a_policy_that_asks_no_more_or_denies_takes_no_vote(admin, lab, steward):
    dataset, named = await governed(admin, policy())
    identifier = await waiting(lab, ask(dataset))
    assert (await admin.put(f"/v1/policies/{named}", json=policy(purpose=["validation"]))).status_code == 200
    error(await steward.post(address(identifier, "approve")), 403, "policy_violation")
    open_ = {"name": "p", "rules": [{"id": "one", "effect": "permit"}]}
    assert (await admin.put(f"/v1/policies/{named}", json=open_)).status_code == 200
    error(await steward.post(address(identifier, "approve")), 409, "conflict")
    assert (await lab.post("/v1/access", json=ask(dataset))).status_code == 200


async def test_the_inbox_shows_what_one_asked_for_and_what_one_may_decide(admin, lab, steward, people):
    dataset, _ = await governed(admin, policy())
    identifier = await waiting(lab, ask(dataset))
    query = f"/v1/access/approvals?dataset_id={dataset}"
    auditor = await people.person("auditor@one.example", "auditor")
    stranger = await people.person("admin@two.example", "admin", "org_two")
    totals = [(await client.get(query)).json()["total"] for client in (lab, steward, admin, auditor, stranger)]
    assert totals == [1, 1, 1, 0, 0]
    assert [(await client.get(address(identifier))).status_code for client in (lab, steward, auditor, stranger)] == [
        200,
        200,
        404,
        404,
    ]
    theirs = (await lab.get(query)).json()["data"][0]
    assert theirs.keys() & {"requested_by", "metadata"} == set()
    error(await stranger.post(address(identifier, "approve")), 404, "not_found")
    error(await auditor.post(address(identifier, "approve")), 403, "authorization_error")


async def test_those_who_asked_do_not_see_who_decided(admin, lab, steward):
    dataset, _ = await governed(admin, policy())
    identifier = await waiting(lab, ask(dataset))
    await steward.post(address(identifier, "approve"), json=REASON)
    assert "steward@one.example" not in (await lab.get(address(identifier))).text


async def test_lists_come_in_pages(admin, lab):
    dataset, _ = await governed(admin, policy())
    made = [await waiting(lab, ask(dataset, model_id=f"m-{n}")) for n in range(3)]
    path = f"/v1/access/approvals?dataset_id={dataset}&limit=2"
    first = (await lab.get(path)).json()
    rest = (await lab.get(f"{path}&cursor={first['next_cursor']}")).json()
    listed = [each["approval_request_id"] for each in (*first["data"], *rest["data"])]
    assert (first["total"], listed, rest["next_cursor"]) == (3, made[::-1], None)


async def test_a_repeated_vote_takes_effect_once(timed, admin, lab, steward):
    dataset, _ = await governed(admin, policy(quorum=2))
    path, key = address(await waiting(lab, ask(dataset)), "approve"), {"Idempotency-Key": "vote-once"}
    first = await steward.post(path, json=REASON, headers=key)
    before = len(entries(timed, "approval"))
    again = await steward.post(path, json=REASON, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert len(entries(timed, "approval")) == before
    error(await steward.post(path, json={"reason": "other"}, headers=key), 422, "idempotency_mismatch")


@pytest.mark.parametrize("vote", ["approve", "deny"])
@pytest.mark.parametrize(
    ("body", "field"),
    [({"reason": ""}, "reason"), ({"reason": 1}, "reason"), ({"reason": "x" * 4097}, "reason"), ({"why": "x"}, "why")],
)
async def test_each_field_that_is_wrong_is_named(steward, vote, body, field):
    answer = await steward.post(address(f"apr_{'0' * 16}", vote), json=body)
    assert [each["field"] for each in error(answer, 400, "validation_error")["details"]] == [field]


@pytest.mark.parametrize("query", ["status=OPEN", "limit=0", "role=x"])
async def test_lists_refuse_what_they_do_not_know(steward, query):
    body = error(await steward.get(f"/v1/access/approvals?{query}"), 400, "validation_error")
    assert body["details"][0]["field"] == query.split("=")[0]


def test_reviewers_and_holders_may_decide_where_a_policy_names_them():
    assert {role for role, held in ROLES.items() if "access:approve" in held} == {"admin", "data_holder", "reviewer"}


async def test_the_plain_form_asks_for_approval(admin, lab, steward):
    plain = {"name": "Plain", "rules": [{"require_approval": True}], "rejection_behavior": "block_access"}
    dataset, _ = await governed(admin, plain)
    await steward.post(address(await waiting(lab, ask(dataset)), "approve"))
    assert (await lab.post("/v1/access", json=ask(dataset))).status_code == 200
