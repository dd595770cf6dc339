"""What noise rests on: no person moves the sums of a question further than its noise is made for."""

import math
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.engines import duck
from xase_server.engines.memory import MemoryEngine
from xase_server.policy.contract import Conflict, Contract, meet
from xase_server.policy.noising import STEPS, Summed, private_query
from xase_server.policy.privacy import Privacy
from xase_server.query.evaluate import evaluate
from xase_server.query.expressions import Field
from xase_server.query.nodes import TRUE
from xase_server.query.parse import parse_pipeline
from xase_server.query.schema import FLOAT, INT, STRING, struct

SEEN = struct({"sex": STRING, "age": INT, "weight": FLOAT})
SCHEMA = struct({"person": STRING, **dict(SEEN.members)})
numbers = st.floats(allow_nan=True) | st.sampled_from([-0.0, 39.999999, 140.0, 90.0, 1e308])
rows = st.fixed_dictionaries(
    {},
    optional={
        "person": st.sampled_from("abcd"),
        "sex": st.sampled_from(["m", "f", "x"]),
        "age": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 120),
        "weight": numbers,
    },
)
FIELDS = {
    "n": {"$sum": 1},
    "total": {"$sum": "$weight"},
    "mean": {"$avg": "$age"},
    "other": {"$avg": "$weight"},
}
pipelines = st.sampled_from(
    [
        [{"$group": {"_id": None, **FIELDS}}],
        [{"$match": {"sex": {"$in": ["m", "f"]}}}, {"$group": {"_id": "$sex", **FIELDS}}],
        [{"$match": {"sex": {"$in": ["m", None]}, "age": {"$gte": 50}}}, {"$group": {"_id": {"s": "$sex"}, **FIELDS}}],
    ]
)
bounds = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1] + 1e-5))


@given(st.lists(rows, max_size=12), st.sampled_from("abcd"), pipelines, st.integers(1, 3), bounds)
def test_one_person_more_or_less_moves_no_sum_beyond_its_sensitivity(held, person, pipeline, most, weights):
    privacy = Privacy(Decimal(1), Decimal(1), most, {"age": (0.0, 100.0), "weight": weights})
    contract = Contract(privacy=privacy, entity_keys=frozenset({"person"}))
    query = private_query(parse_pipeline(pipeline, SEEN), contract, SEEN, SCHEMA)

    def exact(those: list[dict[str, Any]]) -> list[list[int]]:
        return query.exact(MemoryEngine(those).seeing(SEEN, TRUE, query.beside).aggregate(query.pipeline))

    with_them = exact(held)
    without = exact([row for row in held if row.get("person") != person])
    for measure, one, other in zip(query.measures, with_them, without, strict=True):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) <= query.sensitivity(measure)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, max_size=12), pipelines, st.integers(1, 3), bounds)
def test_engines_measure_the_same(held, pipeline, most, weights):
    privacy = Privacy(Decimal(1), Decimal(1), most, {"age": (0.0, 100.0), "weight": weights})
    contract = Contract(privacy=privacy, entity_keys=frozenset({"person"}))
    query = private_query(parse_pipeline(pipeline, SEEN), contract, SEEN, SCHEMA)
    with duck(SCHEMA, held) as engine:
        one, other = (each.seeing(SEEN, TRUE, query.beside) for each in (engine, MemoryEngine(held)))
        assert query.exact(one.aggregate(query.pipeline)) == query.exact(other.aggregate(query.pipeline))


ROUNDED = 2e-10  # of the numbers themselves, which are below 2e6


@given(bounds, numbers)
def test_a_value_lies_no_further_from_the_middle_than_its_range_reaches(ends, value):
    least, most = ends
    mean = Summed(("x",), least, most, (least + most) / 2, (most - least) / 2)
    total = Summed(("x",), least, most, 0.0, max(abs(least), abs(most)))
    inside = [least, most, math.nextafter(least, most), math.nextafter(most, least), mean.centre]
    for summed in (mean, total):
        for each in (value, *inside):
            steps = evaluate(summed.of_row({("x",): Field(("x",))}), {"ROOT": {"x": each}})
            assert type(steps) is int
            assert abs(steps) <= STEPS
            if least <= each <= most:
                assert abs(summed.centre + steps * summed.reach / STEPS - each) <= 2 * summed.reach / STEPS + ROUNDED


epsilons = st.sampled_from([Decimal(each) for each in ("0.1", "0.5", "1", "3", "10")])
privacies = st.builds(
    Privacy,
    epsilons,
    epsilons,
    st.integers(1, 3),
    st.dictionaries(
        st.sampled_from(["age", "weight"]), st.sampled_from([(0.0, 10.0), (5.0, 20.0), (15.0, 30.0)]), max_size=2
    ),
)
terms = {
    "actions": st.none() | st.frozensets(st.sampled_from(["aggregate", "stream"])),
    "min_group_size": st.sampled_from([1, 1, 1, 5]),
}
persons = st.sampled_from(["person", "person", "who"]).map(lambda name: frozenset({name}))
contracts = st.builds(Contract, entity_keys=persons | st.just(frozenset()), **terms) | st.builds(
    Contract, privacy=privacies, entity_keys=persons, **terms
)


def met(*layers: Contract) -> Contract | None:
    """What all keep to, None for a contradiction."""
    found = Contract()
    try:
        for each in layers:
            found = meet(found, each)
    except Conflict:
        return None
    return found


@given(contracts, contracts)
def test_layers_only_narrow_whatever_their_order(one, other):
    both = met(one, other)
    assert both == met(other, one)
    if both is None:
        return
    assert met(both, one) == both
    for each in (one, other):
        if each.privacy is not None:
            assert both.privacy.epsilon_total <= each.privacy.epsilon_total
            assert both.privacy.epsilon_per_query <= each.privacy.epsilon_per_query
            assert both.privacy.max_contributions <= each.privacy.max_contributions
            assert both.privacy.bounds.keys() <= each.privacy.bounds.keys()
