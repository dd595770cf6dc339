"""Which pipelines can be answered with noise, what is measured for them, and what is made of that."""

from decimal import Decimal
from typing import Any

import pytest

from xase_server.domain.errors import Refused
from xase_server.engines.memory import MemoryEngine
from xase_server.policy.contract import Contract
from xase_server.policy.noising import MOST_CELLS, STEPS, Counted, PrivateQuery, Summed, private_query
from xase_server.policy.privacy import Privacy
from xase_server.query.nodes import TRUE
from xase_server.query.parse import parse_pipeline
from xase_server.query.schema import FLOAT, INT, JSON, STRING, ListOf, struct

SEEN = struct(
    {
        "record_id": STRING,
        "sex": STRING,
        "ward": INT,
        "age": INT,
        "weight": FLOAT,
        "any": JSON,
        "tags": ListOf(STRING),
        "visits": ListOf(struct({"day": INT})),
    }
)
WHOLE = struct({**dict(SEEN.members), "person": STRING})
BY_SEX = {"$match": {"sex": {"$in": ["m", "f", None]}}}
COUNT: dict[str, Any] = {"n": {"$count": {}}}
OTHERS: list[dict[str, Any]] = [
    {"$sort": {"age": 1}},
    {"$limit": 1},
    {"$skip": 1},
    {"$sample": {"size": 1}},
    {"$unwind": "$tags"},
    {"$project": {"age": 1}},
    {"$addFields": {"age": 1}},
    {"$replaceRoot": {"newRoot": "$$ROOT"}},
    {"$facet": {"a": []}},
    {"$group": {"_id": "$sex"}},
]
ROWS: list[dict[str, Any]] = [
    {"person": "a", "sex": "m", "age": 10, "weight": 50.0, "ward": 1},
    {"person": "a", "sex": "f", "age": 20, "weight": 60.0, "ward": 1},
    {"person": "a", "sex": "m", "age": 30, "weight": 70.0, "ward": 2},
    {"person": "b", "sex": "f", "age": 500, "ward": 2},
    {"person": "c", "age": -9, "weight": float("nan"), "ward": 1},
    {"person": "d", "sex": "m", "weight": float("-inf"), "ward": 3},
    {"sex": "m", "age": 40, "weight": 80.0, "ward": 1},
]


def planned(pipeline: list[Any], contributions: int = 2, **terms: Any) -> PrivateQuery:
    privacy = Privacy(Decimal(1), Decimal(1), contributions, {"age": (0.0, 100.0), "weight": (40.0, 140.0)})
    contract = Contract(privacy=privacy, entity_keys=frozenset({"person"}), **terms)
    return private_query(parse_pipeline(pipeline, SEEN), contract, SEEN, WHOLE)


def answered(pipeline: list[Any], contributions: int = 2, rows: list[dict[str, Any]] = ROWS) -> list[dict[str, Any]]:
    """The answer as it would be without noise."""
    query = planned(pipeline, contributions)
    return query.answer(query.exact(MemoryEngine(rows).seeing(SEEN, TRUE, query.beside).aggregate(query.pipeline)))


def test_the_groups_are_those_that_the_query_lists_whether_there_are_rows_or_not():
    match = {"$match": {"sex": {"$in": ["m", "x", "m", None]}}}
    found = answered([match, {"$group": {"_id": "$sex", **COUNT}}])
    assert found == [{"_id": "m", "n": 3}, {"_id": "x", "n": 0}, {"_id": None, "n": 1}]


def test_groups_by_several_fields_are_all_that_the_lists_make():
    group = {"$group": {"_id": {"s": "$sex", "w": "$ward"}, **COUNT}}
    found = answered([BY_SEX, {"$match": {"ward": {"$in": [1, 2.0]}}}, group])
    cells = {(each["_id"]["s"], each["_id"]["w"]): each["n"] for each in found}
    assert cells == {("m", 1): 1, ("m", 2): 0, ("f", 1): 1, ("f", 2): 1, (None, 1): 1, (None, 2): 0}


def test_rows_that_an_engine_tells_apart_are_of_one_cell_all_the_same():
    query = planned([{"$match": {"weight": {"$in": [0, 1.5]}}}, {"$group": {"_id": "$weight", **COUNT}}])
    rows = [{"_id": {"k0": 0.0}, "m0": 3}, {"_id": {"k0": -0.0}, "m0": 4}, {"_id": {"k0": 9.0}, "m0": 5}]
    assert query.exact(rows) == [[7, 0]]


@pytest.mark.parametrize("key", [None, "all", 7])
def test_a_constant_key_is_one_group_also_of_no_rows(key):
    assert answered([{"$group": {"_id": key, **COUNT}}], rows=[]) == [{"_id": key, "n": 0}]


def test_one_value_is_a_list_as_well():
    group = {"$group": {"_id": "$sex", **COUNT}}
    assert answered([{"$match": {"sex": "m", "ward": {"$gte": 2}}}, group]) == [{"_id": "m", "n": 2}]


def test_of_each_person_the_first_rows_count_and_of_nobody_none():
    group = {"$group": {"_id": None, **COUNT, "ages": {"$sum": "$age"}}}
    assert [answered([group], most)[0]["n"] for most in (1, 2, 3, 9)] == [4, 5, 6, 6]
    assert answered([group], 1)[0]["ages"] == pytest.approx(10 + 100 + 0, abs=1e-6)
    assert answered([group], 2)[0]["ages"] == pytest.approx(10 + 20 + 100 + 0, abs=1e-6)


def test_values_are_moved_into_their_range_and_means_stay_in_it():
    group = {"$group": {"_id": None, "mean": {"$avg": "$weight"}, "age": {"$avg": "$age"}}}
    (found,) = answered([group], 9)
    assert found["mean"] == pytest.approx((50 + 60 + 70 + 140 + 40) / 5)  # no number is greater than NaN
    assert found["age"] == pytest.approx((10 + 20 + 30 + 100 + 0) / 5)
    assert planned([group]).answer([[10**18], [1], [-(10**18)], [1]]) == [{"_id": None, "mean": 140.0, "age": 0.0}]


def test_a_mean_of_nothing_is_the_middle_of_its_range():
    assert answered([{"$group": {"_id": None, "mean": {"$avg": "$weight"}}}], rows=[]) == [{"_id": None, "mean": 90.0}]


def test_what_two_fields_need_is_measured_once():
    fields = {
        "n": {"$sum": 1},
        "m": {"$count": {}},
        "a": {"$avg": "$age"},
        "b": {"$avg": "$age"},
        "s": {"$sum": "$age"},
    }
    query = planned([{"$group": {"_id": None, **fields}}])
    assert query.measures == (
        Counted(),
        Summed(("age",), 0.0, 100.0, 50.0, 50.0),
        Counted(("age",)),
        Summed(("age",), 0.0, 100.0, 0.0, 100.0),
    )
    assert [query.sensitivity(each) for each in query.measures] == [2, 2 * STEPS, 2, 2 * STEPS]


@pytest.mark.parametrize(
    ("pipeline", "place", "reason"),
    [
        ([], "0", "$match stages and then one $group"),
        ([BY_SEX], "0", "$match stages and then one $group"),
        ([{"$group": {"_id": "$sex", **COUNT}}], "0.$group._id", "$in"),
        ([{"$match": {"sex": {"$ne": "m"}}}, {"$group": {"_id": "$sex", **COUNT}}], "1.$group._id", "$in"),
        (
            [{"$match": {"$or": [{"sex": {"$in": ["m"]}}, {"ward": 1}]}}, {"$group": {"_id": "$sex", **COUNT}}],
            "1.$group._id",
            "$in",
        ),
        ([{"$match": {"tags": {"$in": ["a"]}}}, {"$group": {"_id": "$tags", **COUNT}}], "1.$group._id", "one value"),
        ([{"$match": {"any": {"$in": [1]}}}, {"$group": {"_id": "$any", **COUNT}}], "1.$group._id", "one value"),
        (
            [{"$match": {"visits.day": {"$in": [1]}}}, {"$group": {"_id": "$visits.day", **COUNT}}],
            "1.$group._id",
            "one value",
        ),
        ([{"$group": {"_id": {"$toUpper": "$sex"}, **COUNT}}], "0.$group._id", "one value"),
        ([{"$group": {"_id": {"a": {"b": "$sex"}}, **COUNT}}], "0.$group._id", "one value"),
        ([{"$group": {"_id": None}}], "0", "counts or adds up"),
        ([{"$group": {"_id": None, "n": {"$sum": 5}}}], "0.$group.n.$sum", "bounds"),
        ([{"$group": {"_id": None, "n": {"$sum": True}}}], "0.$group.n.$sum", "bounds"),
        ([{"$group": {"_id": None, "n": {"$sum": "$ward"}}}], "0.$group.n.$sum", "bounds"),
        ([{"$group": {"_id": None, "n": {"$avg": {"$add": ["$age", 1]}}}}], "0.$group.n.$avg", "bounds"),
        *(
            ([{"$group": {"_id": None, "n": {f"${name}": "$age"}}}], "0.$group.n", f"${name}")
            for name in ("min", "max", "push", "addToSet", "first", "last", "stdDevPop", "stdDevSamp")
        ),
        ([{"$match": {"$expr": {"$gt": [{"$divide": [1, "$age"]}, 0]}}}, {"$group": {"_id": None, **COUNT}}], "0", ""),
        *(([stage, {"$group": {"_id": None, **COUNT}}], "0", "$match stages and then one $group") for stage in OTHERS),
        ([{"$count": "n"}], "0", "$match stages and then one $group"),
        ([{"$group": {"_id": None, **COUNT}}, {"$sort": {"n": 1}}], "0", "$match stages and then one $group"),
        ([{"$sortByCount": "$sex"}], "0", "$match stages and then one $group"),
    ],
)
def test_every_other_pipeline_is_refused_where_it_differs(pipeline, place, reason):
    with pytest.raises(Refused) as refused:
        planned(pipeline)
    assert refused.value.kind.slug == "invalid_query"
    (fault,) = refused.value.details
    assert fault["field"].startswith(place)
    assert reason in fault["message"]


def test_there_are_not_too_many_groups():
    lists = {"$match": {"ward": {"$in": list(range(MOST_CELLS))}, "sex": {"$in": ["m", "f"]}}}
    assert len(planned([lists, {"$group": {"_id": "$ward", **COUNT}}]).cells) == MOST_CELLS
    with pytest.raises(Refused, match="Invalid query"):
        planned([lists, {"$group": {"_id": {"w": "$ward", "s": "$sex"}, **COUNT}}])


def test_a_version_that_names_nobody_is_not_asked():
    privacy = Privacy(Decimal(1), Decimal(1))
    contract = Contract(privacy=privacy, entity_keys=frozenset({"person"}))
    with pytest.raises(Refused):
        private_query(parse_pipeline([{"$group": {"_id": None, **COUNT}}], SEEN), contract, SEEN, SEEN)
