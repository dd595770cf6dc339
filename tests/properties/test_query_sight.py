"""An engine that sees a part answers as if there were no more; groups of too few are one group together."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from tests.conformance.corpus import same
from tests.conformance.engines import duck
from tests.properties.query_data import PATHS, SCHEMA, SMALL, expressions, filters, rows
from tests.properties.test_query_pipelines import ACCUMULATORS, KEYS, SLOW, in_order_of, outcome
from xase_server.domain.errors import Refused
from xase_server.engines.memory import MemoryEngine, seen
from xase_server.policy.contract import Contract
from xase_server.policy.sight import visible
from xase_server.query.aggregate import aggregate
from xase_server.query.expressions import Field
from xase_server.query.match import matches
from xase_server.query.parse import parse_filter, parse_find, parse_pipeline
from xase_server.query.stages import FEW, SUBJECTS, Crowds, Group

DENIED = st.sets(st.sampled_from(["i", "s", "li", "m", "o.i", "o.p", "o.p.f", "lo.s", "lo.li"]), min_size=1, max_size=4)
WHOLE = [[{"$group": {"_id": f"${name}", "n": {"$sum": 1}}}] for name in ("o", "lo", "f", "d")]
STAGES = st.one_of(
    filters(PATHS).map(lambda value: [{"$match": value}]),
    expressions().map(lambda value: [{"$project": {"x": value}}]),
    expressions().map(lambda value: [{"$group": {"_id": value, "n": {"$sum": 1}}}]),
    st.sampled_from([[{"$replaceRoot": {"newRoot": "$$ROOT"}}], [{"$unwind": "$lo"}], *WHOLE]),
)

ALTERNATING = [{"f": f, "s": s} for f, s in ((None, "a"), (1.0, "b"), (2.0, "a"), (3.0, "b"))]
"""Rows of two keys by turns: their remainder is in the order of the sort, not key by key."""


def read(what, *asked):
    """What parsing gives; None for what is refused."""
    try:
        return what(*asked)
    except Refused:
        return None


@SLOW
@given(data=rows(ints=SMALL), denied=DENIED, within=filters(PATHS), asked=st.lists(STAGES, min_size=1, max_size=6))
def test_an_engine_sees_what_is_visible_and_nothing_else(data, denied, within, asked):
    sight, condition = visible(Contract(deny_fields=frozenset(denied)), SCHEMA), read(parse_filter, within, SCHEMA)
    if condition is None:
        return
    numbered = [(number, seen(row, sight)) for number, row in enumerate(data) if matches(condition, row)]
    reference = MemoryEngine([row for _, row in numbered], numbers=[number for number, _ in numbered])
    with duck(SCHEMA, data) as whole:
        for engine in (whole.seeing(sight, condition), MemoryEngine(data).seeing(sight, condition)):
            for stages in asked:
                if read(parse_pipeline, stages, sight) is None:
                    continue
                want, got = outcome(reference, stages, sight), outcome(engine, stages, sight)
                if isinstance(want, list) and isinstance(got, list):
                    got = in_order_of(want, got)
                assert same(want, got), f"{stages}\nwanted {want}\nbut got {got}"


@SLOW
@given(data=rows(ints=SMALL), denied=DENIED, within=filters(PATHS), asked=st.lists(filters(PATHS), max_size=6))
def test_an_engine_finds_what_is_visible_by_what_is_visible(data, denied, within, asked):
    sight, condition = visible(Contract(deny_fields=frozenset(denied)), SCHEMA), read(parse_filter, within, SCHEMA)
    if condition is None:
        return
    with duck(SCHEMA, data) as whole:
        engine = whole.seeing(sight, condition)
        for filter_ in asked:
            find = read(parse_find, {"filter": filter_, "sort": "-f"}, sight)
            if find is None:
                continue
            wanted = MemoryEngine(data).seeing(sight, condition).numbers(find)
            assert list(engine.numbers(find)) == list(wanted)
            assert engine.count(find.filter) == len(wanted)


@SLOW
@given(
    data=rows(ints=SMALL, most=8),
    key=st.sampled_from(KEYS),
    fields=st.lists(st.tuples(st.sampled_from(ACCUMULATORS), st.sampled_from(["$i", "$f", "$s", "$o"])), max_size=3),
    subjects=st.lists(st.sampled_from(["s", "o.s", "b", "li", "o"]), min_size=1, max_size=2, unique=True),
    least=st.integers(1, 4),
)
@example(data=ALTERNATING, key="$s", fields=[("push", "$f")], subjects=["b"], least=2)
def test_small_groups_are_what_a_group_of_all_their_rows_is(data, key, fields, subjects, least):
    group = {"_id": key, "n": {"$sum": 1}, **{f"v{n}": {f"${name}": value} for n, (name, value) in enumerate(fields)}}
    (grouped,) = parse_pipeline([{"$sort": {"f": 1}}, {"$group": group}], SCHEMA)[1:]
    assert isinstance(grouped, Group)
    heads = {path.partition(".")[0] for path in subjects}
    beside = {f".{head}": head for head in heads}
    counted = tuple(Field((f".{path.partition('.')[0]}", *path.split(".")[1:])) for path in subjects)
    crowds = Crowds(grouped.key, grouped.fields, counted, least)
    everything = parse_filter({}, SCHEMA)
    sort = parse_pipeline([{"$sort": {"f": 1}}], SCHEMA)
    expected = by_hand(data, sort, crowds, subjects)
    with duck(SCHEMA, data) as whole:
        for engine in (whole, MemoryEngine(data)):
            found = [dict(row) for row in engine.seeing(SCHEMA, everything, beside).aggregate((*sort, crowds))]
            assert same(expected, in_order_of(expected, found)), f"{group} {subjects} {least}\n{expected}\n{found}"


def by_hand(data, sort, crowds, subjects):
    """The groups, counted one by one; those with too few subjects are grouped once more, by nothing."""
    rows_ = [
        {**row, **{f".{path.partition('.')[0]}": row.get(path.partition(".")[0]) for path in subjects}} for row in data
    ]
    ordered = aggregate(sort, rows_)
    every = aggregate((Crowds(crowds.key, (), crowds.subjects, 0),), ordered)
    large = [row["_id"] for row in every if row[SUBJECTS] >= crowds.least]
    kept = [row for row in ordered if any(alike(row, crowds, key) for key in large)]
    rest = [row for row in ordered if row not in kept]
    shown = aggregate((replace(crowds, least=0),), kept)
    few = aggregate(
        (Crowds(parse_pipeline([{"$group": {"_id": None}}], SCHEMA)[0].key, crowds.fields, crowds.subjects, 0),), rest
    )
    return [*shown, *({**row, FEW: True} for row in few)]


def alike(row, crowds, key):
    ((own),) = aggregate((Crowds(crowds.key, (), crowds.subjects, 0),), [row])
    return same(own["_id"], key)
