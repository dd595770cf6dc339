"""Random pipelines: DuckDB answers what the reference evaluator answers, or both refuse."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.corpus import same
from tests.conformance.engines import duck
from tests.properties.query_data import PATHS, SCHEMA, SMALL, expressions, filters, rows
from xase_server.domain.errors import Refused
from xase_server.engines.memory import MemoryEngine
from xase_server.ports.engines import Engine
from xase_server.query.parse import parse_pipeline
from xase_server.query.schema import Schema

SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
DATA = rows(ints=SMALL)


def outcome(engine: Engine, stages: list[Any], schema: Schema = SCHEMA) -> Any:
    """The rows of a pipeline, or that it is refused."""
    try:
        return [dict(row) for row in engine.aggregate(parse_pipeline(stages, schema))]
    except Refused as refusal:
        return refusal.kind.slug


def agree(data: list[Any], pipelines: list[list[Any]], *, ordered: bool = True, lazy: bool = False) -> None:
    """Both answer alike. With `lazy`, a value that no later stage uses may go uncomputed, and so unrefused."""
    reference = MemoryEngine(data)
    with duck(SCHEMA, data) as engine:
        for stages in pipelines:
            want, got = outcome(reference, stages), outcome(engine, stages)
            if not ordered and isinstance(want, list) and isinstance(got, list):
                got = in_order_of(want, got)
            if lazy and want == "invalid_query":
                continue
            assert same(want, got), f"{stages}\nwanted {want}\nbut got {got}"


def in_order_of(want: list[Any], got: list[Any]) -> list[Any]:
    """The rows that were got, each at the place of a wanted row that it equals."""
    left = list(got)
    found = []
    for row in want:
        place = next((place for place, each in enumerate(left) if same(row, each)), 0)
        found.extend(left[place : place + 1])
        del left[place : place + 1]
    return found + left


@SLOW
@given(data=DATA, values=st.lists(expressions(), min_size=1, max_size=8))
def test_an_expression_has_the_same_value(data, values):
    agree(data, [[{"$project": {"v": {"$ifNull": [value, value]}}}] for value in values])


@SLOW
@given(data=DATA, values=st.lists(expressions(), min_size=1, max_size=8))
def test_an_expression_in_a_filter_holds_for_the_same_rows(data, values):
    agree(data, [[{"$match": {"$expr": value}}, {"$project": {"i": 1}}] for value in values])


ACCUMULATORS = ["sum", "avg", "min", "max", "push", "first", "last", "stdDevPop", "stdDevSamp"]
KEYS = [
    None,
    "$i",
    "$f",
    "$s",
    "$b",
    "$d",
    "$o.i",
    "$o",
    "$o.p",
    "$li",
    "$lo.i",
    {"a": "$i", "b": "$s"},
    {"$mod": ["$i", 2]},
    7,
]


@SLOW
@given(
    data=DATA,
    key=st.sampled_from(KEYS),
    fields=st.lists(
        st.tuples(st.sampled_from(ACCUMULATORS), expressions() | st.sampled_from(["$i", "$f", "$s"])), max_size=3
    ),
    before=st.none() | st.fixed_dictionaries({"s": st.sampled_from([1, -1]), "f": st.sampled_from([1, -1])}),
)
def test_a_group_accumulates_the_same(data, key, fields, before):
    group = {"_id": key, "n": {"$sum": 1}, **{f"v{n}": {f"${name}": value} for n, (name, value) in enumerate(fields)}}
    try:
        parse_pipeline([{"$group": group}], SCHEMA)
    except Refused:
        return
    agree(data, [[*([{"$sort": before}] if before else []), {"$group": group}]], ordered=False)


SORTS = st.dictionaries(st.sampled_from(["i", "f", "s", "o.s", "li"]), st.sampled_from([1, -1]), min_size=1, max_size=2)
KEPT = st.sets(st.sampled_from(["i", "o.i", "o.p.f", "lo.s", "li", "m"]), min_size=1, max_size=3)
DROPPED = st.sets(st.sampled_from(["i", "o.i", "o.p", "lo.s", "m"]), min_size=1, max_size=3)
UNWOUND = st.builds(
    lambda path, preserve: {"path": path, "includeArrayIndex": "n", "preserveNullAndEmptyArrays": preserve},
    st.sampled_from(["$li", "$lo", "$o.i", "$ll"]),
    st.booleans(),
)
FIRST = [{"$sort": {"i": 1}}, {"$limit": 1}, {"$project": {"i": 1}}]
STAGES = st.one_of(
    filters(PATHS).map(lambda value: {"$match": value}),
    SORTS.map(lambda value: {"$sort": value}),
    st.integers(1, 4).map(lambda count: {"$limit": count}),
    st.integers(0, 2).map(lambda count: {"$skip": count}),
    KEPT.map(lambda paths: {"$project": dict.fromkeys(sorted(paths), 1)}),
    DROPPED.map(lambda paths: {"$project": dict.fromkeys(sorted(paths), 0)}),
    st.sampled_from(["i", "o.s", "lo.s", ["s", "o.p.f"]]).map(lambda paths: {"$unset": paths}),
    expressions().map(lambda value: {"$addFields": {"i": value}}),
    expressions().map(lambda value: {"$set": {"o.i": value, "new.x": "$i"}}),
    expressions().map(lambda value: {"$project": {"i": 1, "o.z": value}}),
    st.sampled_from(["$li", "$lo", "$i", "$o", "$ls", "$m"]).map(lambda path: {"$unwind": path}),
    UNWOUND.map(lambda options: {"$unwind": options}),
    st.sampled_from(["$o", {"i": "$i", "s": "$s"}, "$m", "$$ROOT"]).map(
        lambda root: {"$replaceRoot": {"newRoot": root}}
    ),
    st.just({"$bucket": {"groupBy": "$i", "boundaries": [-3, 0, 3], "default": "other"}}),
    st.just({"$sortByCount": "$s"}),
    st.just({"$count": "n"}),
    st.just({"$facet": {"a": [{"$count": "n"}], "b": FIRST}}),
)


def readable(stages: list[Any]) -> bool:
    try:
        parse_pipeline(stages, SCHEMA)
    except Refused:
        return False
    return True


@SLOW
@given(data=DATA, stages=st.lists(STAGES, min_size=1, max_size=4))
def test_stages_follow_one_another_the_same(data, stages):
    while stages and not readable(stages):
        stages = stages[:-1]
    names = [next(iter(stage)) for stage in stages]
    if "$sortByCount" in names:  # ties come in any order, and later stages may see it
        stages = stages[: names.index("$sortByCount") + 1]
    agree(data, [stages], ordered="$sortByCount" not in names, lazy=len(stages) > 1)
