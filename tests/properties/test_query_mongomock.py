"""The reference evaluator against mongomock, where mongomock is known to be right.

Left out, because mongomock differs from MongoDB there (the public corpus says so) or we do on purpose:
`$exists` and `$type` (null and missing are one); whole structs (their members' order); null below a list of
structs, and positions in lists; `$mod` of fractions; the order of lists in sorts; `$not` through a list of
structs; comparing with another type or null inside `$not`, for which mongomock raises; a constant group key
over no rows. Rows here hold no null members, only absent ones.
"""

from typing import Any

import mongomock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xase_server.query.aggregate import aggregate, find
from xase_server.query.parse import parse_find, parse_pipeline
from xase_server.query.schema import FLOAT, INT, STRING, ListOf, struct

USUAL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCHEMA = struct(
    {
        "_id": INT,
        "i": INT,
        "f": FLOAT,
        "s": STRING,
        "li": ListOf(INT),
        "o": struct({"i": INT, "s": STRING}),
        "lo": ListOf(struct({"i": INT, "s": STRING})),
    }
)
INTS = st.integers(-3, 5)
TEXTS = st.sampled_from(["", "a", "b", "ab", "A"])
INNER = st.fixed_dictionaries({}, optional={"i": INTS, "s": TEXTS})
ROW = st.fixed_dictionaries(
    {},
    optional={
        "i": INTS,
        "f": st.sampled_from([-1.5, 0.0, 0.5, 2.5]),
        "s": TEXTS,
        "li": st.lists(INTS, max_size=3),
        "o": INNER,
        "lo": st.lists(INNER, max_size=2),
    },
)
ROWS = st.lists(ROW, max_size=8).map(lambda rows: [{"_id": number, **row} for number, row in enumerate(rows)])
POSITIVE = st.one_of(
    INTS,
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), INTS),
    st.builds(lambda name, items: {name: items}, st.sampled_from(["$in", "$nin"]), st.lists(INTS, max_size=3)),
)
NUMBER_TESTS = POSITIVE | st.builds(lambda value: {"$not": {"$gt": value}}, INTS)
TEXT_TESTS = st.one_of(
    TEXTS,
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$ne", "$gt", "$lte"]), TEXTS),
    st.sampled_from(["a", "^b", "B$"]).map(lambda pattern: {"$regex": pattern, "$options": "i"}),
)
LIST_TESTS = st.one_of(
    st.integers(0, 3).map(lambda count: {"$size": count}),
    st.lists(INTS, min_size=1, max_size=2).map(lambda items: {"$all": items}),
    st.builds(lambda low, high: {"$elemMatch": {"$gt": low, "$lt": high}}, INTS, INTS),
)
CONDITIONS = st.one_of(
    st.builds(lambda path, test: {path: test}, st.sampled_from(["i", "f", "li", "o.i"]), NUMBER_TESTS),
    POSITIVE.map(lambda test: {"lo.i": test}),
    st.builds(lambda path, test: {path: test}, st.sampled_from(["s", "o.s", "lo.s"]), TEXT_TESTS),
    LIST_TESTS.map(lambda test: {"li": test}),
    st.builds(lambda number, text: {"lo": {"$elemMatch": {"i": number, "s": text}}}, NUMBER_TESTS, TEXT_TESTS),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.builds(
        lambda name, items: {name: items},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def collection(rows: list[dict[str, Any]]) -> Any:
    stored = mongomock.MongoClient().xase.rows
    if rows:
        stored.insert_many(rows)
    return stored


@USUAL
@given(rows=ROWS, filters=st.lists(FILTERS, min_size=1, max_size=8))
def test_filters_match_as_in_mongomock(rows, filters):
    stored = collection(rows)
    for filter_ in filters:
        expected = [row["_id"] for row in stored.find(filter_).sort("_id", 1)]
        assert (filter_, find(parse_find({"filter": filter_}, SCHEMA), rows)) == (filter_, expected)


@USUAL
@given(rows=ROWS, keys=st.permutations(["i", "f", "s"]), directions=st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_rows_sort_as_in_mongomock(rows, keys, directions):
    order = dict(zip(keys, directions, strict=True))
    expected = [row["_id"] for row in collection(rows).find({}).sort([*order.items(), ("_id", 1)])]
    assert find(parse_find({"sort": order}, SCHEMA), rows) == expected


def by_key(row: dict[str, Any]) -> str:
    return repr(row["_id"])


@USUAL
@given(rows=ROWS.filter(bool), key=st.sampled_from(["$i", "$s", "$o.i", None]))
def test_groups_accumulate_as_in_mongomock(rows, key):
    fields = {"n": {"$sum": 1}, "t": {"$sum": "$i"}, "a": {"$avg": "$i"}, "lo": {"$min": "$i"}, "hi": {"$max": "$i"}}
    pipeline = [{"$group": {"_id": key, **fields}}]
    expected = list(collection(rows).aggregate(pipeline))
    found = aggregate(parse_pipeline(pipeline, SCHEMA), rows)
    assert sorted(found, key=by_key) == sorted(expected, key=by_key)


@USUAL
@given(rows=ROWS, preserve=st.booleans())
def test_lists_unwind_as_in_mongomock(rows, preserve):
    pipeline = [
        {"$unwind": {"path": "$li", "preserveNullAndEmptyArrays": preserve}},
        {"$project": {"_id": 1, "li": 1, "i": 1}},
    ]
    found = aggregate(parse_pipeline(pipeline, SCHEMA), rows)
    there = [{name: value for name, value in row.items() if value not in (None, [])} for row in found]
    assert there == list(collection(rows).aggregate(pipeline))
