"""Verdicts: deny by default, prohibitions win, ties deny, approvals count people."""

import pytest

from tests.unit.policy.test_load import FULL, PLAIN
from xase_server.policy.decide import AccessRequest, Approval, Layer, LayerKind, Outcome, decide, matches_glob
from xase_server.policy.load import load

DAY_MS = 86_400_000


def layer(document, kind=LayerKind.DATASET):
    return Layer(kind, document.get("id", "pol_1"), 1, load(document))


def policy(*rules, name="p"):
    return {"name": name, "rules": list(rules)}


def permit(identifier="a", priority=0, when=None, constrain=None):
    return {
        "id": identifier,
        "effect": "permit",
        "priority": priority,
        "when": when or {},
        "constrain": constrain or {},
    }


def request(**changes):
    asked = {
        "organisation": "org_acme_ai",
        "principal": "lab@acme.ai",
        "role": "ml-engineer",
        "purpose": "model-training",
        "now_ms": 1_000,
        "duration_ms": 30 * DAY_MS,
        "model_id": "diagnostic-v2",
        "jurisdiction": "DE",
    }
    return AccessRequest(**(asked | changes))


def approval(who, role="dpo", expires_ms=2_000):
    return Approval(who, role, expires_ms)


TWO = (approval("a@x.org"), approval("b@x.org", "data_steward"))


def codes(verdict):
    return [violation.rule for violation in verdict.violations]


def test_without_a_policy_nobody_enters():
    verdict = decide([], request())
    assert (verdict.outcome, codes(verdict)) == (Outcome.DENY, ["no_policy"])


def test_the_printed_policy_permits_after_two_approvals():
    verdict = decide([layer(FULL)], request(approvals=TWO))
    assert verdict.outcome is Outcome.PERMIT
    assert verdict.contract.max_records == 5_000_000
    assert verdict.contract.rate_limits == ((100, 60_000),)
    assert verdict.contract.hash.startswith("sha256:")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "marketing"}, "forbidden"),
        ({"purpose": "quality-assurance"}, "purpose_not_allowed"),
        ({"organisation": "org_other"}, "organisation_not_allowed"),
        ({"role": None}, "role_not_allowed"),
        ({"model_id": "Diagnostic-v2"}, "model_not_allowed"),
        ({"model_id": None}, "model_not_allowed"),
        ({"jurisdiction": "US"}, "jurisdiction_not_allowed"),
        ({"duration_ms": 31 * DAY_MS}, "duration_too_long"),
    ],
)
def test_each_clause_denies_with_its_code(changes, code):
    verdict = decide([layer(FULL)], request(approvals=TWO, **changes))
    assert (verdict.outcome, codes(verdict)) == (Outcome.DENY, [code])


def test_a_synonym_of_a_purpose_is_the_purpose():
    assert decide([layer(FULL)], request(approvals=TWO, purpose="training")).outcome is Outcome.PERMIT


@pytest.mark.parametrize(
    "approvals",
    [
        (),
        (approval("a@x.org"),),
        (approval("a@x.org"), approval("a@x.org", "data_steward")),
        (approval("a@x.org"), approval("lab@acme.ai")),
        (approval("a@x.org"), approval("b@x.org", expires_ms=1_000)),
        (approval("a@x.org"), approval("b@x.org", "janitor")),
    ],
    ids=["none", "one", "one person twice", "the requester", "expired", "no longer in the role"],
)
def test_approvals_that_do_not_count(approvals):
    verdict = decide([layer(FULL)], request(approvals=approvals))
    assert (verdict.outcome, verdict.approvers) == (Outcome.APPROVAL_REQUIRED, ("data_steward", "dpo"))
    assert verdict.contract is None


def test_the_plain_form_asks_for_approval():
    asked = request(model_id="research-v1", jurisdiction="EU")
    assert decide([layer(PLAIN)], asked).outcome is Outcome.APPROVAL_REQUIRED


def test_two_permits_of_equal_priority_deny():
    verdict = decide([layer(policy(permit("a"), permit("b")))], request())
    assert (verdict.outcome, codes(verdict)) == (Outcome.DENY, ["conflict"])


def test_the_higher_priority_wins():
    verdict = decide([layer(policy(permit("a"), permit("b", 1, constrain={"max_records": 7})))], request())
    assert verdict.contract.max_records == 7


def test_a_guardrail_narrows_and_is_named():
    guardrail = layer(
        policy(permit(constrain={"max_records": 5, "deny_fields": ["ssn"]})) | {"id": "g"}, LayerKind.GUARDRAIL
    )
    own = layer(policy(permit(constrain={"max_records": 9, "fields": ["age", "ssn"]})))
    verdict = decide([guardrail, own], request())
    assert verdict.contract.max_records == 5
    assert verdict.contract.allows_field("age")
    assert not verdict.contract.allows_field("ssn")
    assert verdict.narrowed_by["max_records"] == "guardrail:g@1"


def test_a_guardrail_of_prohibitions_lets_the_rest_pass():
    guardrail = layer(policy({"id": "no", "effect": "forbid", "when": {"purpose": ["marketing"]}}), LayerKind.GUARDRAIL)
    assert decide([guardrail, layer(policy(permit()))], request()).outcome is Outcome.PERMIT
    assert codes(decide([guardrail, layer(policy(permit()))], request(purpose="marketing"))) == ["forbidden"]


def forbid(*actions, identifier="no"):
    return {"id": identifier, "effect": "forbid", "when": {"actions": list(actions)}}


def test_a_prohibition_of_actions_leaves_the_others():
    verdict = decide([layer(policy(permit(), forbid("aggregate", "filter")))], request())
    assert verdict.contract.actions == {"stream", "transform", "operations", "get_record"}
    assert verdict.narrowed_by == {"actions": "dataset:pol_1@1"}
    assert [(each.rule, each.clause, each.held) for each in verdict.trace] == [("no", "actions", False)]


def test_a_prohibition_of_actions_whose_conditions_do_not_hold_takes_nothing():
    rule = forbid("aggregate") | {"when": {"actions": ["aggregate"], "organisations": ["org_other"]}}
    assert decide([layer(policy(permit(), rule))], request()).contract.actions is None


def test_prohibitions_of_every_action_forbid_the_use():
    rules = (forbid("stream", "filter", "aggregate"), forbid("transform", "operations", "get_record", identifier="no2"))
    assert codes(decide([layer(policy(permit(), *rules))], request())) == ["forbidden"]


def test_a_guardrail_of_prohibited_actions_narrows_every_permit():
    guardrail = layer(policy(forbid("stream")) | {"id": "g"}, LayerKind.GUARDRAIL)
    own = layer(policy(permit(when={"actions": ["stream", "filter"]})))
    assert decide([guardrail, own], request()).contract.actions == {"filter"}
    only = layer(policy(permit(when={"actions": ["stream"]})))
    assert codes(decide([guardrail, only], request())) == ["action_not_allowed"]


def test_different_transforms_of_equal_strength_deny():
    one = layer(
        policy(permit(constrain={"transforms": {"age": {"op": "generalize", "width": 5}}})), LayerKind.GUARDRAIL
    )
    other = layer(policy(permit(constrain={"transforms": {"age": {"op": "bucketize", "edges": [1]}}})))
    assert codes(decide([one, other], request())) == ["conflict"]


def test_the_stronger_transform_wins():
    one = layer(
        policy(permit(constrain={"transforms": {"age": {"op": "generalize", "width": 5}}})), LayerKind.GUARDRAIL
    )
    other = layer(policy(permit(constrain={"transforms": {"age": {"op": "redact"}}})))
    assert decide([one, other], request()).contract.transforms == {"age": {"op": "redact"}}


@pytest.mark.parametrize(
    ("pattern", "text", "held"),
    [
        ("diagnostic-*", "diagnostic-v2", True),
        ("diagnostic-*", "diagnostic-", True),
        ("diagnostic-*", "Diagnostic-v2", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "acb", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("exact", "exact", True),
    ],
)
def test_globs_know_only_the_star(pattern, text, held):
    assert matches_glob(pattern, text) is held
