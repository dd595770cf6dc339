"""A request, its verdict, and the session that it opens."""

import asyncio
from typing import Any

import pytest

from tests.contract.logs import SIGNER, START_MS
from tests.unit.access.scene import DATASET_ID, DAY_MS, HOLDER, LAB, OPEN, STRANGER, Scene, run
from xase.proof.entry import format_time
from xase_server.domain.datasets import ARCHIVED, PROCESSING
from xase_server.domain.decisions import Page
from xase_server.domain.errors import Refused
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import Ending, NewAccess
from xase_server.ledger.audit import audit
from xase_server.policy.contract import read_contract
from xase_server.services.outcome import Once
from xase_server.services.sessions import SessionFilter

LONG = "an-id-of-nothing"


def permit(constrain: dict[str, Any] | None = None, **when: Any) -> dict[str, Any]:
    return {"name": "p", "rules": [{"id": "one", "effect": "permit", "when": when, "constrain": constrain or {}}]}


def refused(scene: Scene, who: Principal = LAB, **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        scene.ask(who, **fields)
    return caught.value


def codes(refusal: Refused) -> list[str]:
    assert refusal.kind.slug == "policy_violation"
    return [each["rule"] for each in refusal.details["violations"]]


def test_a_permit_opens_a_session_that_is_admitted(scene: Scene):
    view = scene.ask(model_id="m-1", duration="24h")
    assert view == {
        "session_id": view["session_id"],
        "dataset_id": DATASET_ID,
        "dataset": "medical-records-2024",
        "dataset_version": 1,
        "organisation": "org_lab",
        "status": "ACTIVE",
        "purpose": "model-training",
        "model_id": "m-1",
        "created_at": format_time(START_MS),
        "expires_at": format_time(START_MS + DAY_MS),
        "policy_id": "pol_1",
        "policy_version": 1,
        "contract_hash": view["contract_hash"],
        "obligations": view["obligations"],
    }
    assert scene.admit(view["session_id"]).contract_hash == view["contract_hash"]


def test_verdict_and_opening_stand_in_the_log_together(scene: Scene):
    scene.policy(permit({"row_filter": {"consent": True}, "fields": ["age"]}))
    view = scene.ask(model_id="m-1", metadata={"ticket": "T-1"})
    verdict, opened = scene.entries("verdict", "session_opened")
    assert opened["index"] == verdict["index"] + 1
    assert (verdict["stream"], opened["stream"]) == ("admin/org_hospital", f"session/{view['session_id']}")
    assert verdict["body"]["outcome"] == "permit"
    assert opened["body"]["verdict"] == verdict["id"]
    assert opened["id"] == opened["body"]["session_id"] == view["session_id"]
    assert opened["body"]["contract_hash"] == verdict["body"]["contract_hash"] == view["contract_hash"]
    assert opened["body"]["dataset_digest"] == f"sha256:{'5' * 64}"
    parts = scene.parts(verdict["id"])
    assert read_contract(parts["contract"]).hash == view["contract_hash"]
    assert parts["metadata"] == {"ticket": "T-1"}
    assert parts["principal"] == LAB.email
    assert parts["trace"]["chosen"] == {"dataset:pol_1@2": "one"}


def test_what_the_lab_reads_holds_neither_row_filters_nor_rules_nor_hidden_fields(scene: Scene):
    secret = {
        "row_filter": {"hidden_a": True},
        "deny_fields": ["hidden_b"],
        "fields": ["age", "hidden_b", "hidden_c"],
        "transforms": {"hidden_c": {"op": "drop"}, "age": {"op": "generalize", "width": 5}},
    }
    scene.policy({"name": "p", "rules": [{"id": "hidden_rule", "effect": "permit", "constrain": secret}]})
    view = scene.ask()
    shown = run(scene.sessions.get(LAB, view["session_id"]))
    readable = [scene.readable(LAB, each["id"]) for each in scene.entries("verdict", "session_opened")]
    assert "hidden" not in str((view, shown, scene.entries("verdict", "session_opened")))
    assert [found is not None for found in readable] == [False, True]
    assert b"hidden" not in b"".join(part.canonical for part in readable[1][2].values())
    assert view["obligations"]["fields"] == ["age"]
    assert view["obligations"]["transforms"] == {"age": "generalize"}


def test_a_denial_is_in_the_ledger_before_it_is_answered(scene: Scene):
    scene.policy(permit(purpose=["validation"], models=["other"]))
    refusal = refused(scene)
    assert codes(refusal) == ["model_not_allowed", "purpose_not_allowed"]
    assert (refusal.details["policy_id"], refusal.details["policy_version"]) == ("pol_1", 2)
    (verdict,) = scene.entries("verdict", "session_opened")
    assert verdict["body"]["outcome"] == "deny"
    assert verdict["body"]["violations"] == ["model_not_allowed", "purpose_not_allowed"]
    assert [each["held"] for each in scene.parts(verdict["id"])["trace"]["checks"]] == [False, False]


def test_a_request_that_needs_an_approval_says_whose(scene: Scene):
    scene.policy(permit(approvals={"roles": ["dpo", "data_steward"], "quorum": 2}))
    refusal = refused(scene)
    assert refusal.kind.slug == "approval_required"
    assert (refusal.details["approvers"], refusal.details["status"]) == (["data_steward", "dpo"], "PENDING")
    assert [each["body"]["outcome"] for each in scene.entries("verdict")] == ["approval_required"]


@pytest.mark.parametrize(
    ("asked", "policy", "days"),
    [
        ({}, {}, 30),
        ({}, {"max_duration": "7d"}, 7),
        ({"duration": "2d"}, {"max_duration": "7d"}, 2),
        ({"duration": "1w"}, {}, 7),
    ],
)
def test_a_session_lasts_as_long_as_asked_or_allowed(scene: Scene, asked, policy, days):
    scene.policy(permit(**policy))
    assert scene.ask(**asked)["expires_at"] == format_time(START_MS + days * DAY_MS)


def test_a_duration_beyond_the_policy_is_a_violation(scene: Scene):
    scene.policy(permit(max_duration="7d"))
    assert codes(refused(scene, duration="8d")) == ["duration_too_long"]


@pytest.mark.parametrize("duration", ["999999w", "3651d"])
def test_a_duration_beyond_all_measure_is_malformed(scene: Scene, duration):
    refusal = refused(scene, duration=duration)
    assert (refusal.kind.slug, refusal.details[0]["field"]) == ("validation_error", "duration")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dataset_id": None}, "Required field missing"),
        ({"dataset": "medical-records-2024"}, "Give either dataset_id or dataset"),
    ],
)
def test_a_request_names_one_dataset_once(scene: Scene, fields, message):
    known = {"dataset_id": DATASET_ID, "purpose": "validation"} | fields
    wish = NewAccess(**{name: value for name, value in known.items() if value is not None})
    with pytest.raises(Refused) as caught:
        run(scene.access.request(LAB, wish, None))
    assert caught.value.details == [{"field": "dataset_id", "message": message}]


@pytest.mark.parametrize("field", ["dataset_id", "dataset"])
def test_a_dataset_is_found_by_its_name(scene: Scene, field):
    wish = NewAccess(**{field: "medical-records-2024", "purpose": "validation"})
    assert run(scene.access.request(LAB, wish, None)).body["dataset_id"] == DATASET_ID


def test_what_may_not_be_seen_answers_like_what_is_not_there(scene: Scene):
    scene.policy(permit(organisations=["org_lab"]))
    hidden, absent = refused(scene, STRANGER), refused(scene, STRANGER, dataset_id=LONG)
    assert (hidden.kind, hidden.message) == (absent.kind, absent.message)
    assert hidden.details == {"resource": "dataset", "id": DATASET_ID}
    assert scene.entries("verdict") == []


def test_data_without_a_policy_is_its_holders_alone(scene: Scene):
    scene.dataset(policy_id=None)
    assert refused(scene, LAB).kind.slug == "not_found"
    view = scene.ask(HOLDER)
    assert (view["policy_id"], view["policy_version"]) == (None, None)
    clerk = Principal(HOLDER.organisation, "key_c", "c@hospital.org", None, frozenset({"access:request"}))
    assert codes(refused(scene, clerk)) == ["no_policy"]


@pytest.mark.parametrize("state", [{"status": ARCHIVED}, {"version": 0, "status": PROCESSING}])
def test_a_dataset_that_takes_no_session_now_is_a_conflict(scene: Scene, state):
    scene.dataset(**state)
    refusal = refused(scene)
    assert (refusal.kind.slug, refusal.details) == ("conflict", {"resource": "dataset", "id": DATASET_ID})
    assert scene.entries("verdict", "session_opened") == []


def test_the_same_idempotency_key_opens_one_session(scene: Scene):
    once = Once("key_lab", "k", b"digest")
    first = scene.ask(once=once)
    again = run(scene.access.request(LAB, NewAccess(dataset_id=DATASET_ID, purpose="model-training"), once))
    assert (again.body, again.replayed) == (first, True)
    assert len(scene.entries("session_opened")) == 1
    with pytest.raises(Refused, match="another request"):
        scene.ask(once=Once("key_lab", "k", b"other"))


def test_the_same_idempotency_key_at_the_same_time_opens_one_session(scene: Scene):
    once = Once("key_lab", "k", b"digest")
    wish = NewAccess(dataset_id=DATASET_ID, purpose="model-training")

    async def both() -> list[Any]:
        return await asyncio.gather(*(scene.access.request(LAB, wish, once) for _ in range(5)))

    outcomes = run(both())
    assert len({outcome.body["session_id"] for outcome in outcomes}) == 1
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True, True]


def test_a_policy_that_slips_in_between_is_decided_by(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """The new version comes after the look at the old one, before the append."""
    look_up = scene.access._look_up
    slipped: list[int] = []

    def late(*arguments: Any) -> Any:
        case = look_up(*arguments)
        if not slipped:
            slipped.append(scene.policy(permit(purpose=["validation"])))
        return case

    monkeypatch.setattr(scene.access, "_look_up", late)
    assert codes(refused(scene)) == ["purpose_not_allowed"]
    assert scene.entries("session_opened") == []
    assert [each["body"]["policy_version"] for each in scene.entries("verdict")] == [2]


def test_the_audit_finds_nothing_in_all_of_this(scene: Scene):
    session = scene.ask()["session_id"]
    run(scene.closing.revoke(HOLDER, session, Ending(reason="no more"), None))
    scene.policy(permit(purpose=["validation"]))
    refused(scene)
    report = audit(scene.log.storage, [SIGNER.verifier])
    assert report.findings == []


def test_sessions_are_listed_to_lab_and_holder_alone(scene: Scene):
    one, two = (scene.ask()["session_id"] for _ in range(2))
    scene.policy(OPEN)
    for who, seen in ((LAB, [two, one]), (HOLDER, [two, one]), (STRANGER, [])):
        rows, total, _ = run(scene.sessions.list(who, SessionFilter(), Page()))
        assert ([row["session_id"] for row in rows], total) == (seen, len(seen))
    with pytest.raises(Refused):
        run(scene.sessions.get(STRANGER, one))
