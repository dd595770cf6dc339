"""What holds for every policy: layers only narrow, prohibitions win, order is nothing, the trace tells the verdict."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xase_server.policy.contract import Conflict, Contract, meet
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Outcome, decide
from xase_server.policy.limits import Limits, PerOrganisation
from xase_server.policy.load import load
from xase_server.policy.model import ACTIONS

FIELDS = ["age", "name", "lab", "lab.glucose", "lab.a1c"]
PURPOSES = ["research", "model-development", "model-training", "validation", "marketing", "other"]
words = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique=True)
limits = st.integers(1, 5)
shared = st.fixed_dictionaries(
    {},
    optional={
        "max_records": limits,
        "max_concurrent": limits,
        "rate_limit": st.fixed_dictionaries({"limit": limits, "period": st.sampled_from(["1m", "1h"])}),
    },
)
constrains = st.fixed_dictionaries(
    {},
    optional={
        "fields": words,
        "deny_fields": words,
        "filterable_fields": words,
        "min_group_size": limits,
        "max_records": limits,
        "per_organisation": shared,
        "row_filter": st.sampled_from([{"age": 1}, {"age": {"$gt": 2}}]),
        "transforms": st.dictionaries(
            st.sampled_from(FIELDS), st.sampled_from([{"op": "hash"}, {"op": "mask"}, {"op": "drop"}]), max_size=2
        ),
    },
)
whens = st.fixed_dictionaries(
    {},
    optional={
        "purpose": st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=3, unique=True),
        "organisations": st.lists(st.sampled_from(["org_a", "org_b"]), min_size=1, unique=True),
        "models": st.lists(st.sampled_from(["m-*", "*-1", "m-2"]), min_size=1, unique=True),
        "max_duration": st.sampled_from(["1d", "30d"]),
    },
)
actions = st.fixed_dictionaries(
    {}, optional={"actions": st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=4, unique=True)}
)


@st.composite
def documents(draw):
    rules = [
        {"id": f"r{n}", "effect": "forbid", "when": draw(whens) | draw(actions)}
        if draw(st.integers(0, 3)) == 0
        else {
            "id": f"r{n}",
            "effect": "permit",
            "priority": draw(st.integers(0, 3)),
            "when": draw(whens) | draw(actions),
            "constrain": draw(constrains),
        }
        for n in range(draw(st.integers(1, 4)))
    ]
    return {"name": "p", "rules": rules}


requests = st.builds(
    AccessRequest,
    organisation=st.sampled_from(["org_a", "org_b", "org_c"]),
    principal=st.just("lab@x.org"),
    role=st.none(),
    purpose=st.sampled_from(PURPOSES),
    now_ms=st.just(0),
    duration_ms=st.sampled_from([None, 86_400_000, 40 * 86_400_000]),
    model_id=st.sampled_from([None, "m-1", "m-2", "x"]),
)


def layer(document, kind=LayerKind.DATASET):
    return Layer(kind, "pol", 1, load(document))


def is_within(path, allowed):
    return allowed is None or any(path == each or path.startswith(f"{each}.") for each in allowed)


@given(documents(), documents(), requests)
def test_a_guardrail_only_narrows(own, above, request):
    alone = decide([layer(own)], request)
    both = decide([layer(above, LayerKind.GUARDRAIL), layer(own)], request)
    if both.outcome is not Outcome.PERMIT:
        return
    assert alone.outcome is Outcome.PERMIT
    for field in FIELDS:
        assert not both.contract.allows_field(field) or alone.contract.allows_field(field)
    assert set(alone.contract.deny_fields) <= set(both.contract.deny_fields)
    assert (both.contract.max_records or 99) <= (alone.contract.max_records or 99)
    wide, narrow = alone.contract.per_organisation or PerOrganisation(), both.contract.per_organisation
    for scope in ("dataset", "holder"):
        before, after = getattr(wide, scope), getattr(narrow or wide, scope)
        assert (after.max_records or 99) <= (before.max_records or 99)
        assert (after.max_concurrent or 99) <= (before.max_concurrent or 99)
        assert set(before.rate_limits) <= set(after.rate_limits)
    assert both.contract.min_group_size >= alone.contract.min_group_size
    assert len(both.contract.row_filters) >= len(alone.contract.row_filters)
    for path in both.contract.filterable_fields or ():
        assert is_within(path, alone.contract.filterable_fields)


@given(documents(), requests)
def test_a_matching_prohibition_always_wins(document, request):
    forbidding = document | {"rules": [*document["rules"], {"id": "no", "effect": "forbid"}]}
    verdict = decide([layer(forbidding)], request)
    assert verdict.outcome is Outcome.DENY
    assert [violation.rule for violation in verdict.violations] == ["forbidden"]


@given(documents(), requests, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(document, request, random):
    shuffled = list(document["rules"])
    random.shuffle(shuffled)
    one, other = decide([layer(document)], request), decide([layer(document | {"rules": shuffled})], request)
    assert (one.outcome, one.violations, one.contract) == (other.outcome, other.violations, other.contract)


def said_by_trace(document, verdict, kind):
    """What a layer's checks make of a request: whether it holds, and the actions that it leaves."""
    place = f"{kind}:pol@1"
    own = [check for check in verdict.trace if check.layer == place and check.clause != "actions"]
    lacking = {check.rule for check in own if not check.held}
    matching = [rule for rule in document["rules"] if rule["id"] not in lacking]
    permits = [rule for rule in matching if rule["effect"] == "permit"]
    barred = {
        action for rule in matching if rule["effect"] == "forbid" for action in rule["when"].get("actions", ACTIONS)
    }
    top = [rule for rule in permits if rule["priority"] == max(each["priority"] for each in permits)]
    left = set(top[0]["when"].get("actions", ACTIONS)) if top else set(ACTIONS)
    opens = kind is LayerKind.GUARDRAIL and all(rule["effect"] == "forbid" for rule in document["rules"])
    return (len(top) == 1 or opens) and barred != ACTIONS, left - barred


@given(documents(), requests)
def test_the_trace_tells_the_verdict(document, request):
    verdict = decide([layer(document)], request)
    holds, left = said_by_trace(document, verdict, LayerKind.DATASET)
    assert (verdict.outcome is Outcome.PERMIT) == (holds and bool(left))
    if verdict.contract is not None:
        assert (verdict.contract.actions if verdict.contract.actions is not None else ACTIONS) == left


@given(documents(), st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=5, unique=True), requests)
def test_a_prohibition_of_actions_takes_away_these_and_nothing_else(document, forbidden, request):
    before = decide([layer(document)], request)
    rule = {"id": "some", "effect": "forbid", "when": {"actions": forbidden}}
    after = decide([layer(document | {"rules": [*document["rules"], rule]})], request)
    if before.contract is None:
        assert after.outcome is not Outcome.PERMIT
        return
    left = (ACTIONS if before.contract.actions is None else before.contract.actions) - set(forbidden)
    if left:
        assert after.contract == replace(before.contract, actions=left)
    else:
        assert {each.rule for each in after.violations} <= {"action_not_allowed", "forbidden"}


@given(documents(), documents(), requests)
def test_every_layer_holds_by_its_own_trace(own, above, request):
    verdict = decide([layer(above, LayerKind.GUARDRAIL), layer(own)], request)
    told = [said_by_trace(above, verdict, LayerKind.GUARDRAIL), said_by_trace(own, verdict, LayerKind.DATASET)]
    left = told[0][1] & told[1][1]
    if verdict.outcome is Outcome.PERMIT:
        assert all(holds for holds, _ in told)
        assert (verdict.contract.actions if verdict.contract.actions is not None else ACTIONS) == left
        assert set(verdict.narrowed_by.values()) <= {"guardrail:pol@1", "dataset:pol@1"}
    elif [each.rule for each in verdict.violations] != ["conflict"]:
        assert not (all(holds for holds, _ in told) and left)


contracts = st.builds(
    Contract,
    fields=st.none() | st.frozensets(st.sampled_from(FIELDS)),
    deny_fields=st.frozensets(st.sampled_from(FIELDS)),
    row_filters=st.sampled_from([(), ({"age": 1},), ({"age": 2},)]),
    transforms=st.dictionaries(
        st.sampled_from(FIELDS), st.sampled_from([{"op": "hash"}, {"op": "tokenize"}]), max_size=2
    ),
    max_records=st.none() | limits,
    per_organisation=st.none()
    | st.builds(
        PerOrganisation,
        *[st.builds(Limits, rate_limits=st.sampled_from([(), ((2, 60_000),)]), max_bytes=st.none() | limits)] * 2,
    ),
    min_group_size=limits,
)


@given(contracts, contracts)
def test_the_meet_does_not_depend_on_the_order(one, other):
    try:
        both = meet(one, other)
    except Conflict:
        try:
            meet(other, one)
        except Conflict:
            return
        raise
    assert both == meet(other, one)
    assert both.hash == meet(other, one).hash


@given(contracts)
def test_the_meet_with_itself_changes_nothing(one):
    twice = meet(one, one)
    assert meet(twice, one) == twice
    assert all(twice.allows_field(field) == one.allows_field(field) for field in FIELDS)
