"""Rewriting a filter changes nothing of what it matches."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.engines import duck
from tests.properties.query_data import SCHEMA, filters, rows
from xase_server.query.limits import QuerySettings
from xase_server.query.match import matches
from xase_server.query.nodes import Node
from xase_server.query.parse import parse_find, parse_pipeline
from xase_server.query.parse.filters import FilterReader, parse_filter
from xase_server.query.parse.reading import Place, Reading
from xase_server.query.rewrite import RULES, simplified

NESTED = st.recursive(
    filters(),
    lambda inner: st.builds(
        lambda name, items: {name: items},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=5,
)


DEEP = QuerySettings(depth=64)


def unchanged(filter_: object) -> Node:
    return FilterReader(Reading(DEEP), SCHEMA).document(filter_, Place())


@settings(max_examples=80, deadline=None)
@given(data=rows(), filter_=NESTED)
def test_a_simplified_filter_matches_the_same_rows(data, filter_):
    node = unchanged(filter_)
    for rule in (*RULES, simplified):
        assert [matches(rule(node), row) for row in data] == [matches(node, row) for row in data]


@settings(max_examples=80, deadline=None)
@given(filter_=NESTED)
def test_simplifying_twice_is_simplifying_once(filter_):
    once = simplified(unchanged(filter_))
    assert simplified(once) == once


def test_rows_outside_a_policy_cannot_fail_a_query():
    data = [{"i": 0, "s": "hidden"}, {"i": 2, "s": "seen"}]
    allowed = parse_filter({"s": "seen"}, SCHEMA)
    failing = {"$expr": {"$gt": [{"$divide": [1, "$i"]}, 0]}}
    with duck(SCHEMA, data) as whole:
        engine = whole.seeing(SCHEMA, allowed)
        assert list(engine.numbers(parse_find({"filter": failing}, SCHEMA))) == [1]
        computed = {"$project": {"v": {"$divide": [1, "$i"]}}}
        for stages in ([{"$match": failing}], [{"$project": {"i": 1}}, {"$match": failing}], [computed]):
            assert len(engine.aggregate(parse_pipeline(stages, SCHEMA))) == 1
