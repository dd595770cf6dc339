"""What holds for every policy: layers only narrow, prohibitions win, order is nothing, the trace tells the verdict."""

from hypothesis import given
from hypothesis import strategies as st

from xase_server.policy.contract import Conflict, Contract, meet
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Outcome, decide
from xase_server.policy.load import load

FIELDS = ["age", "name", "lab", "lab.glucose", "lab.a1c"]
PURPOSES = ["research", "model-development", "model-training", "validation", "marketing", "other"]
words = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique=True)
limits = st.integers(1, 5)
constrains = st.fixed_dictionaries(
    {},
    optional={
        "fields": words,
        "deny_fields": words,
        "filterable_fields": words,
        "min_group_size": limits,
        "max_records": limits,
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


@st.composite
def documents(draw):
    rules = [
        {"id": f"r{n}", "effect": "forbid", "when": draw(whens)}
        if draw(st.integers(0, 4)) == 0
        else {
            "id": f"r{n}",
            "effect": "permit",
            "priority": draw(st.integers(0, 3)),
            "when": draw(whens),
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


@given(documents(), requests)
def test_the_trace_tells_the_verdict(document, request):
    verdict = decide([layer(document)], request)
    failed = {check.rule for check in verdict.trace if not check.held}
    matching = [rule for rule in document["rules"] if rule["id"] not in failed]
    permits = [rule for rule in matching if rule["effect"] == "permit"]
    top = [rule for rule in permits if rule["priority"] == max(each["priority"] for each in permits)]
    permitted = len(top) == 1 and all(rule["effect"] == "permit" for rule in matching)
    assert (verdict.outcome is Outcome.PERMIT) == permitted


contracts = st.builds(
    Contract,
    fields=st.none() | st.frozensets(st.sampled_from(FIELDS)),
    deny_fields=st.frozensets(st.sampled_from(FIELDS)),
    row_filters=st.sampled_from([(), ({"age": 1},), ({"age": 2},)]),
    transforms=st.dictionaries(
        st.sampled_from(FIELDS), st.sampled_from([{"op": "hash"}, {"op": "tokenize"}]), max_size=2
    ),
    max_records=st.none() | limits,
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
