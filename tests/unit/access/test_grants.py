"""What a session may still do, request by request."""

import pytest

from tests.contract.logs import START_MS
from tests.contract.records import make_append
from tests.unit.access.scene import DATASET_ID, DAY_MS, HOLDER, LAB, OPEN, STRANGER, Scene, release, run
from xase.proof.entry import format_time
from xase_server.domain.api_keys import REVOKED_KEY, revoked_ref
from xase_server.domain.datasets import ARCHIVED
from xase_server.domain.entries import ObjectsChanged
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRow, Stale
from xase_server.domain.principals import Principal
from xase_server.domain.quotas import TooFast
from xase_server.domain.sessions import EXPIRED, REVOKED, TERMINATED, Asked
from xase_server.policy.contract import Contract
from xase_server.policy.limits import Limits, PerOrganisation

SPENT = {"scope": "session", "resets_at": None}
ASKED = Asked(organisation="org_lab", role="ai_lab", purpose="model-training", model_id="m-1")


def permit(constrain=None, **when):
    return {"name": "p", "rules": [{"id": "one", "effect": "permit", "when": when, "constrain": constrain or {}}]}


def revoke_key(scene: Scene, who: Principal) -> None:
    row = ObjectRow(
        kind=REVOKED_KEY,
        id=who.key_id,
        organisation=who.organisation,
        revision=1,
        document=b"evt_1",
        created_ms=START_MS,
        status="REVOKED",
    )
    scene.log.append(make_append(effect=ObjectsChanged((row,))))


def refused(scene: Scene, session_id: str, action: str = "stream", who=LAB) -> Refused:
    with pytest.raises(Refused) as caught:
        scene.admit(session_id, action, who)
    return caught.value


def rules(refusal: Refused) -> list[str]:
    assert refusal.kind.slug == "policy_violation"
    return [each["rule"] for each in refusal.details["violations"]]


def test_an_open_session_is_admitted_with_its_terms(scene: Scene):
    contract = Contract(fields=frozenset({"age", "lab.a1c"}), row_filters=({"age": {"$gt": 3}},), rate_limits=((5, 1),))
    session = scene.session(contract)
    grant = scene.admit(session)
    assert (grant.contract, grant.contract_hash) == (contract, contract.hash)
    assert (grant.session_id, grant.dataset_id, grant.version, grant.holder) == (
        session,
        DATASET_ID,
        1,
        HOLDER.organisation,
    )
    assert {each.ref.kind for each in grant.expects} == {"session", "dataset", "policy", "guardrails", "revoked_key"}
    assert grant.within == ()


@pytest.mark.parametrize("who", [STRANGER, HOLDER])
def test_a_session_of_another_organisation_answers_like_an_unknown_one(scene: Scene, who):
    session = scene.session()
    known, unknown = refused(scene, session, who=who), refused(scene, "sess_none", who=who)
    assert (known.kind, known.message, known.details) == (
        unknown.kind,
        unknown.message,
        {"resource": "session", "id": session},
    )


def test_a_revoked_session_is_told_when_why_and_by_whom(scene: Scene):
    session = scene.session()
    scene.end(session, REVOKED, reason="Data holder has revoked access", principal="data_admin@hospital.org")
    refusal = refused(scene, session)
    assert (refusal.kind.slug, refusal.message) == ("access_revoked", "Access to this dataset has been revoked")
    assert refusal.details == {
        "session_id": session,
        "revoked_at": format_time(START_MS),
        "reason": "Data holder has revoked access",
        "revoked_by": "data_admin@hospital.org",
    }


def test_a_closed_session_is_told_when_and_why(scene: Scene):
    session = scene.session()
    scene.end(session, TERMINATED, principal=LAB.email)
    refusal = refused(scene, session)
    assert refusal.kind.slug == "session_closed"
    assert refusal.details == {"session_id": session, "closed_at": format_time(START_MS), "reason": None}


@pytest.mark.parametrize("swept", [False, True])
def test_a_session_expires_by_the_clock(scene: Scene, swept):
    session = scene.session(expires_ms=START_MS + 10)
    scene.log.clock.ms += 9
    scene.admit(session)
    scene.log.clock.ms += 1
    if swept:
        scene.end(session, EXPIRED)
    refusal = refused(scene, session)
    assert (refusal.kind.slug, refusal.message) == ("session_expired", "This session has expired")
    assert refusal.details == {
        "session_id": session,
        "expired_at": format_time(START_MS + 10),
        "current_time": format_time(START_MS + 10),
    }


def test_a_revoked_session_stays_revoked_when_its_time_is_over(scene: Scene):
    session = scene.session(expires_ms=START_MS + 10)
    scene.end(session, REVOKED)
    scene.log.clock.ms += 10
    assert refused(scene, session).kind.slug == "access_revoked"


def test_only_what_the_contract_names_is_admitted(scene: Scene):
    session = scene.session(Contract(actions=frozenset({"stream"})))
    scene.admit(session, "stream")
    assert rules(refused(scene, session, "aggregate")) == ["action_not_allowed"]


def test_an_open_session_goes_on_when_its_dataset_is_archived(scene: Scene):
    session = scene.session()
    before = scene.admit(session)
    scene.dataset(status=ARCHIVED)
    assert scene.admit(session).contract == before.contract


def test_a_stricter_policy_holds_at_once(scene: Scene):
    session = scene.session(Contract(max_records=100))
    before = scene.admit(session)
    scene.policy(permit({"deny_fields": ["name"], "max_records": 500}))
    after = scene.admit(session)
    assert after.contract == Contract(max_records=100, deny_fields=frozenset({"name"}))
    assert after.contract_hash == after.contract.hash != before.contract_hash


def test_a_looser_policy_changes_nothing(scene: Scene):
    scene.policy(permit({"max_records": 100}))
    session = scene.session(Contract(max_records=100), policy_version=2)
    before = scene.admit(session)
    scene.policy(OPEN)
    after = scene.admit(session)
    assert (after.contract, after.contract_hash) == (before.contract, before.contract_hash)


def test_policies_do_not_add_up_over_time(scene: Scene):
    """The session's own terms are met with what is in force, not with all that ever was."""
    session = scene.session()
    scene.policy(permit({"max_records": 100}))
    assert scene.admit(session).contract.max_records == 100
    scene.policy(OPEN)
    assert scene.admit(session).contract.max_records is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (permit(purpose=["validation"]), ["purpose_not_allowed"]),
        (permit(models=["other-*"]), ["model_not_allowed"]),
        (permit(roles=["admin"]), ["role_not_allowed"]),
        (permit(approvals={"roles": ["dpo"]}), ["approval_required"]),
        (permit(max_duration="1d"), ["duration_too_long"]),
        ({"name": "p", "rules": [*OPEN["rules"], {"id": "no", "effect": "forbid"}]}, ["forbidden"]),
    ],
)
def test_a_policy_that_denies_now_ends_the_use(scene: Scene, document, expected):
    asked = Asked(
        organisation="org_lab", role="ai_lab", purpose="model-training", model_id="m-1", duration_ms=30 * DAY_MS
    )
    session = scene.session(asked=asked)
    scene.admit(session)
    scene.policy(document)
    for _ in range(2):
        refusal = refused(scene, session)
        assert rules(refusal) == expected
        assert (refusal.details["policy_id"], refusal.details["policy_version"]) == ("pol_1", 2)


def test_a_policy_that_contradicts_the_terms_ends_the_use(scene: Scene):
    session = scene.session(Contract(transforms={"id": {"op": "hash"}}))
    scene.policy(permit({"transforms": {"id": {"op": "hash", "domain": "dataset"}}}))
    assert rules(refused(scene, session)) == ["conflict"]


def test_a_policy_may_make_open_sessions_shorter(scene: Scene):
    session = scene.session(asked=ASKED)
    scene.policy(permit(max_duration="1d"))
    scene.log.clock.ms += DAY_MS - 1
    scene.admit(session)
    scene.log.clock.ms += 1
    assert refused(scene, session).details["expired_at"] == format_time(START_MS + DAY_MS)


def test_a_dataset_that_lost_its_policy_is_closed_to_everyone_but_its_holder(scene: Scene):
    session, own = scene.session(), scene.session(who=HOLDER)
    scene.dataset(policy_id=None)
    assert rules(refused(scene, session)) == ["no_policy"]
    assert scene.admit(own, who=HOLDER).contract == Contract()


def test_a_policy_holds_for_the_holders_own_sessions_too(scene: Scene):
    scene.dataset(policy_id=None)
    own = scene.session(who=HOLDER, policy_id=None, policy_version=None)
    assert scene.admit(own, who=HOLDER).contract == Contract()
    scene.policy({"name": "p", "rules": [{"id": "no", "effect": "forbid"}]})
    scene.dataset()
    assert rules(refused(scene, own, who=HOLDER)) == ["forbidden"]


@pytest.mark.parametrize("change", ["revoke", "policy", "dataset"])
def test_what_was_admitted_is_not_appended_once_anything_has_moved(scene: Scene, change):
    session = scene.session()
    grant = scene.admit(session)
    scene.log.ledger.append_now(release(grant))
    if change == "revoke":
        scene.end(session, REVOKED)
    elif change == "policy":
        scene.policy()
    else:
        scene.dataset(status=ARCHIVED)
    with pytest.raises(Stale):
        scene.log.ledger.append_now(release(grant))


@pytest.mark.parametrize("change", ["revoke", "policy", "dataset", "used"])
def test_a_session_that_was_admitted_before_is_looked_at_all_the_same(scene: Scene, change):
    session = scene.session(Contract(max_records=100))
    before = scene.admit(session)
    assert scene.admit(session) == before
    if change == "revoke":
        scene.end(session, REVOKED)
        assert refused(scene, session).kind.slug == "access_revoked"
    elif change == "policy":
        scene.policy(permit({"max_records": 7}))
        assert scene.admit(session).contract.max_records == 7
    elif change == "dataset":
        scene.dataset(withdrawn=3)
        assert scene.admit(session).withdrawn == 3
    else:
        scene.log.ledger.append_now(release(before))
        assert scene.admit(session).quotas.used != before.quotas.used
    assert refused(scene, session, who=STRANGER).kind.slug == "not_found"


def test_what_was_admitted_in_time_is_not_appended_too_late(scene: Scene):
    grant = scene.admit(scene.session(expires_ms=START_MS + 10))
    scene.log.clock.ms += 9
    scene.log.ledger.append_now(release(grant))
    scene.log.clock.ms += 1
    with pytest.raises(Stale):
        scene.log.ledger.append_now(release(grant))


def test_a_session_keeps_to_its_pace(scene: Scene):
    session, other = (scene.session(Contract(rate_limits=((2, 60_000),))) for _ in range(2))
    scene.admit(session)
    scene.admit(session)
    refusal = refused(scene, session)
    assert (refusal.kind.slug, refusal.message) == ("rate_limit_exceeded", "Rate limit exceeded")
    assert refusal.details == {"limit": 2, "period": "1m", "reset_at": format_time(START_MS + 60_000)}
    scene.admit(other)
    scene.log.clock.ms += 60_000
    scene.admit(session)


@pytest.mark.parametrize(
    ("quota", "used"), [("max_records", "records"), ("max_queries", "queries"), ("max_bytes", "bytes")]
)
def test_a_session_that_has_used_up_its_quota_gets_no_more(scene: Scene, quota, used):
    session = scene.session(Contract(**{quota: 5}))
    scene.log.ledger.append_now(release(scene.admit(session), **{used: 4}))
    scene.log.ledger.append_now(release(scene.admit(session), **{used: 1}))
    refusal = refused(scene, session)
    assert refusal.kind.slug == "quota_exceeded"
    assert refusal.details == SPENT | {"quota": quota, "limit": 5, "used": 5, "left": 0}
    scene.admit(session, "operations")  # what was done with the data must still be told


def test_a_grant_knows_what_it_can_still_afford(scene: Scene):
    session = scene.session(Contract(max_records=5, max_bytes=100))
    scene.log.ledger.append_now(release(scene.admit(session), records=3, bytes=10))
    grant = scene.admit(session)
    grant.quotas.refuse_beyond(records=2, bytes=90)
    with pytest.raises(Refused, match="more than the policy leaves") as caught:
        grant.quotas.refuse_beyond(records=3, bytes=0)
    assert caught.value.details == SPENT | {"quota": "max_records", "limit": 5, "used": 3, "left": 2}


def test_no_more_requests_run_at_a_time_than_the_contract_allows(scene: Scene):
    session = scene.session(Contract(max_concurrent=2))

    def entered():
        return scene.gate.entered(LAB, session, "stream")

    async def enter() -> None:
        async with entered(), entered():
            with pytest.raises(Refused) as caught:
                await entered().__aenter__()
            assert caught.value.details["quota"] == "max_concurrent"
        async with entered():
            pass

    run(enter())


def share(**limits) -> PerOrganisation:
    return PerOrganisation(dataset=Limits(**limits))


@pytest.mark.parametrize(
    ("quota", "used"), [("max_records", "records"), ("max_queries", "queries"), ("max_bytes", "bytes")]
)
def test_a_second_session_gives_no_second_quota(scene: Scene, quota, used):
    contract = Contract(per_organisation=share(**{quota: 5}))
    one, other = scene.session(contract), scene.session(contract)
    scene.log.ledger.append_now(release(scene.admit(one), **{used: 3}))
    late = scene.admit(other)
    scene.log.ledger.append_now(release(scene.admit(other), **{used: 2}))
    refusal = refused(scene, other)
    assert (refusal.kind.slug, refusal.message) == (
        "quota_exceeded",
        "The organisation has used up what the policy allows",
    )
    assert refusal.details == {"quota": quota, "limit": 5, "used": 5, "left": 0, "scope": "dataset", "resets_at": None}
    with pytest.raises(Stale):
        scene.log.ledger.append_now(release(late, **{used: 1}))


def test_what_was_used_before_a_policy_bounds_it_counts(scene: Scene):
    scene.log.ledger.append_now(release(scene.admit(scene.session()), records=4))
    late = scene.session()
    scene.policy(permit({"per_organisation": {"max_records": 4}}))
    assert refused(scene, late).details["used"] == 4


def test_organisations_and_datasets_are_counted_apart_and_together_for_their_holder(scene: Scene):
    contract = Contract(per_organisation=PerOrganisation(Limits(max_records=4), Limits(max_records=6)))
    scene.dataset(identifier="ds_00000000000000bb", name="another")
    first, second = (
        scene.session(contract),
        scene.session(contract, dataset_id="ds_00000000000000bb", dataset="another"),
    )
    own = scene.session(contract, who=HOLDER)
    for session, records in ((first, 3), (second, 3)):
        scene.log.ledger.append_now(release(scene.admit(session), records=records))
    for session in (first, second):
        assert refused(scene, session).details["scope"] == "holder"
    assert scene.admit(own, who=HOLDER).quotas.used == {}


def test_a_rate_holds_over_servers_and_starts_for_what_was_released(scene: Scene):
    contract = Contract(rate_limits=((2, 60_000), (9, 60_000)), per_organisation=share(rate_limits=((3, 60_000),)))
    session, other = scene.session(contract), scene.session(contract)
    for _ in range(2):
        scene.log.ledger.append_now(release(scene.admit(session)))
    fresh = Scene(scene.log)  # another server, or this one after a start
    refusal = refused(fresh, session)
    assert isinstance(refusal, TooFast)
    assert (refusal.scope, refusal.retry_after) == ("session", 60)
    assert refusal.details == {"limit": 2, "period": "1m", "reset_at": format_time(START_MS + 60_000)}
    overtaken = fresh.admit(other)
    fresh.log.ledger.append_now(release(fresh.admit(other)))
    with pytest.raises(TooFast) as full:
        Scene(scene.log).admit(other)
    assert full.value.scope == "dataset"
    with pytest.raises(Stale):
        scene.log.ledger.append_now(release(overtaken))
    scene.log.clock.ms += 60_000
    fresh.log.ledger.append_now(release(fresh.admit(session)))


def test_what_releases_nothing_is_counted_by_its_server_alone(scene: Scene):
    session = scene.session(Contract(rate_limits=((1, 60_000),)))
    scene.admit(session)
    refused(scene, session)
    Scene(scene.log).admit(session)


def test_an_organisation_has_so_many_places_over_its_sessions(scene: Scene):
    contract = Contract(per_organisation=PerOrganisation(holder=Limits(max_concurrent=1)))
    one, other = scene.session(contract), scene.session(contract)

    async def enter() -> None:
        async with scene.gate.entered(LAB, one, "stream"):
            with pytest.raises(Refused) as caught:
                await scene.gate.entered(LAB, other, "stream").__aenter__()
            assert (caught.value.details["quota"], caught.value.details["scope"]) == ("max_concurrent", "holder")
        async with scene.gate.entered(LAB, other, "stream"):
            pass

    run(enter())


def test_a_request_of_many_releases_is_counted_with_the_first(scene: Scene):
    session = scene.session(Contract(rate_limits=((1, 60_000),)))

    async def visit() -> None:
        async with scene.gate.entered(LAB, session, "stream") as visit:
            for _ in range(3):
                await scene.log.ledger.append(release(await visit.grant()))
                visit.released()

    run(visit())
    assert scene.log.read(lambda reads: reads.counted([(session, 60_000)]))[session, 60_000].requests == 1


def test_an_attempt_that_comes_too_late_for_its_period_is_told_so(scene: Scene):
    session = scene.session(Contract(rate_limits=((1, 60_000),)))

    async def visit() -> None:
        async with scene.gate.entered(LAB, session, "stream") as visit:
            first = await visit.grant()
            scene.log.ledger.append_now(release(first))  # as another server would
            with pytest.raises(TooFast):
                await visit.grant()

    run(visit())


@pytest.mark.parametrize("known", [False, True])
def test_a_revoked_key_releases_nothing(scene: Scene, known):
    session = scene.session()
    grant = scene.admit(session)
    fresh = scene if known else Scene(scene.log)
    revoke_key(scene, LAB)
    with pytest.raises(Stale) as stale:
        scene.log.ledger.append_now(release(grant))
    assert stale.value.moved == (revoked_ref(LAB.key_id),)
    assert refused(fresh, session).kind.slug == "authentication_error"


def test_a_visit_is_granted_anew_and_counted_once(scene: Scene):
    session = scene.session(Contract(rate_limits=((1, 60_000),)))

    async def visit() -> None:
        async with scene.gate.entered(LAB, session, "stream") as visit:
            grants = [await visit.grant() for _ in range(3)]
            assert {grant.session_id for grant in grants} == {session}
            scene.end(session, "REVOKED", reason="x")
            with pytest.raises(Refused) as caught:
                await visit.grant()
            assert caught.value.kind.slug == "access_revoked"

    run(visit())


@pytest.mark.parametrize(
    ("quota", "used"), [("max_records", "records"), ("max_queries", "queries"), ("max_bytes", "bytes")]
)
def test_what_was_admitted_is_not_appended_beyond_its_quota(scene: Scene, quota, used):
    session = scene.session(Contract(**{quota: 5}))
    first, second = scene.admit(session), scene.admit(session)
    scene.log.ledger.append_now(release(first, **{used: 4}))
    with pytest.raises(Stale) as stale:
        scene.log.ledger.append_now(release(second, **{used: 2}))
    assert [ref.id for ref in stale.value.moved] == [session]
    scene.log.ledger.append_now(release(second, **{used: 1}))
