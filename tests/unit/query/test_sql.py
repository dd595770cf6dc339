"""The SQL that queries become: no text of a caller in it, and one plan for each shape."""

from datetime import UTC, datetime

import duckdb
import pytest

from tests.conformance.corpus import same
from tests.conformance.engines import duck, empty_database
from tests.properties.query_data import SCHEMA
from xase_server.domain.errors import Refused
from xase_server.engines.memory import MemoryEngine
from xase_server.query.aggregate import aggregate
from xase_server.query.functions import FUNCTIONS
from xase_server.query.limits import QuerySettings
from xase_server.query.parse import parse_find, parse_pipeline
from xase_server.query.schema import NULL, STRING, ListOf, struct

CANARY = "cana\"ry'--;"
FILTERS = [
    {"s": CANARY},
    {"s": {"$gt": CANARY}},
    {"s": {"$in": [CANARY, "a"]}},
    {"ls": {"$in": [CANARY, [CANARY]]}},
    {"s": {"$regex": "cana\"ry'--;"}},
    {"ls": [CANARY]},
    {"o": {"i": 1, "s": CANARY}},
    {"o": {CANARY: 1}},
    {"m": {CANARY: CANARY}},
    {f"m.{CANARY}": CANARY},
    {f"m.{CANARY}.0": {"$in": [CANARY]}},
    {"m": {"$elemMatch": {CANARY: {"$regex": "cana\"ry'--;"}}}},
    {"lo": {"$elemMatch": {"s": {"$not": {"$eq": CANARY}}}}},
    {"$expr": {"$eq": ["$s", CANARY]}},
    {"$comment": CANARY},
    {"m": {"$not": {"$all": [{"$elemMatch": {CANARY: {"$nin": [CANARY] * 9}}}, CANARY]}}},
    {
        "$nor": [
            {"lo.s": {"$regex": "^cana", "$options": "i"}},
            {"$expr": {"$in": ["$s", [CANARY, {"$toLower": CANARY}]]}},
        ]
    },
]
PIPELINES = [
    [{"$project": {CANARY: "$i", "v": {CANARY: "$s"}}}, {"$sort": {CANARY: 1}}],
    [{"$group": {"_id": {CANARY: "$s"}, CANARY: {"$push": CANARY}}}, {"$match": {CANARY: 1}}],
    [{"$addFields": {CANARY: {"$concat": ["$s", CANARY]}}}, {"$unset": "s"}],
    [{"$unwind": {"path": "$li", "includeArrayIndex": CANARY}}],
    [{"$replaceRoot": {"newRoot": {CANARY: "$i"}}}, {"$count": CANARY}],
    [{"$project": {"v": {"$dateToString": {"date": "$d", "format": CANARY}}}}],
    [{"$project": {"v": {"$split": ["$s", CANARY]}, "w": {"$map": {"input": "$li", "as": "cana", "in": "$$cana"}}}}],
    [{"$bucket": {"groupBy": "$s", "boundaries": ["a", CANARY], "default": "z"}}, {"$sortByCount": "$_id"}],
    [{"$project": {"v": {"$let": {"vars": {"cana": CANARY}, "in": {"$concat": ["$$cana", "$s"]}}}}}],
    [{"$project": {"v": {"$trim": {"input": "$s", "chars": CANARY}}, "w": {"$setUnion": [[CANARY], "$ls"]}}}],
    [{"$set": {f"o.{CANARY}.x": {"$cond": ["$b", CANARY, {"$literal": {CANARY: CANARY}}]}}}],
    [{"$sort": {f"m.{CANARY}": 1}}, {"$group": {"_id": f"$m.{CANARY}", "v": {"$first": {"$ifNull": ["$s", CANARY]}}}}],
    [
        {
            "$project": {
                f"lo.{CANARY}": 1,
                "o": {CANARY: {"$switch": {"branches": [{"case": "$b", "then": CANARY}], "default": 1}}},
            }
        }
    ],
    [{"$facet": {CANARY: [{"$match": {"s": CANARY}}, {"$count": CANARY}]}}],
]


@pytest.fixture
def statements(monkeypatch):
    """Every plan's SQL, as engines make them."""
    with duck(SCHEMA, [{"s": CANARY, "i": 1}]) as engine:
        yield engine, lambda: [plan.sql for plan in engine._plans.values()]


@pytest.mark.parametrize("filter_", FILTERS, ids=str)
def test_no_text_of_a_filter_is_in_its_sql(statements, filter_):
    engine, made = statements
    engine.numbers(parse_find({"filter": filter_}, SCHEMA))
    assert made()
    assert not any("cana" in text for text in made())


@pytest.mark.parametrize("pipeline", PIPELINES, ids=str)
def test_no_text_of_a_pipeline_is_in_its_sql(statements, pipeline):
    engine, made = statements
    engine.aggregate(parse_pipeline(pipeline, SCHEMA))
    assert made()
    assert not any("cana" in text for text in made())


def test_a_hostile_value_matches_only_itself(statements):
    engine, _ = statements
    assert list(engine.numbers(parse_find({"filter": {"s": CANARY}}, SCHEMA))) == [0]
    assert list(engine.numbers(parse_find({"filter": {"s": "' OR 'a'='a"}}, SCHEMA))) == []


def test_queries_of_one_shape_share_a_plan(statements):
    engine, made = statements
    for value in ("a", "b", "c"):
        engine.numbers(parse_find({"filter": {"s": {"$in": [value, "x"]}, "i": {"$gt": len(value)}}}, SCHEMA))
    assert len(made()) == 1


def test_integers_compare_exactly_with_floats():
    data = [{"i": 2**53 + 1, "f": float(2**53)}, {"i": 2**53, "f": 2.0**53 + 2}]
    with duck(SCHEMA, data) as engine:
        for filter_, rows in (
            ({"i": float(2**53)}, [1]),
            ({"f": 2**53 + 1}, []),
            ({"f": {"$gt": 2**53 + 1}}, [1]),
            ({"f": {"$lte": 2**53 + 1}}, [0]),
            ({"i": {"$gt": 9007199254740992.5}}, [0]),
            ({"i": {"$lt": 1e300}}, [0, 1]),
        ):
            assert (filter_, list(engine.numbers(parse_find({"filter": filter_}, SCHEMA)))) == (filter_, rows)


def test_every_function_of_the_language_is_compiled():
    from xase_server.engines.duckdb.functions import FUNCTIONS as COMPILED

    assert COMPILED.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "SET memory_limit = '9GB'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "COPY records TO 'x.csv'",
        "ATTACH 'x.db'",
    ],
)
def test_a_connection_reaches_nothing_outside(statement):
    with duck(SCHEMA, []), pytest.raises(duckdb.Error):
        empty_database().execute(statement)


def test_a_connection_reads_no_file(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(duckdb.Error):
        empty_database().execute(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")


def test_mixed_numbers_group_by_value():
    data = [{"m": 1}, {"m": 1.0}, {"m": {"s": "a", "i": 1}}, {"m": {"i": 1, "s": "a"}}]
    with duck(SCHEMA, data) as engine:
        for key in ("$m", {"x": "$m"}, {"$ifNull": ["$m", "none"]}):
            found = engine.aggregate(parse_pipeline([{"$group": {"_id": key, "n": {"$sum": 1}}}], SCHEMA))
            assert [row["n"] for row in found] == [2, 2]


def test_a_stage_on_mixed_types_is_refused_on_too_many_rows():
    pipeline = parse_pipeline([{"$match": {"i": {"$gt": 0}}}, {"$group": {"_id": "$m"}}], SCHEMA)
    with duck(SCHEMA, [{"i": 1}] * 4, QuerySettings(groups=3)) as engine, pytest.raises(Refused) as caught:
        engine.aggregate(pipeline)
    message = "groups by values of mixed types: done for at most 3 rows"
    assert caught.value.details == [{"field": "1", "message": message}]


def test_a_count_beside_its_numbers_is_not_asked_again(statements):
    engine, made = statements
    find = parse_find({"filter": {"s": {"$gt": ""}, "i": 1}, "limit": 5}, SCHEMA)
    assert list(engine.numbers(find)) == [0]
    before = len(made())
    assert engine.count(find.filter) == 1
    assert len(made()) == before


@pytest.mark.parametrize(("skip", "limit"), [(0, 0), (1, 0), (9, 0), (0, 2), (0, 3), (2, 2), (9, 2)])
def test_a_window_tells_no_wrong_count(skip, limit):
    with duck(SCHEMA, [{"i": 1}] * 3 + [{"i": 2}]) as engine:
        find = parse_find({"filter": {"i": 1}, "skip": skip, "limit": limit}, SCHEMA)
        engine.numbers(find)
        assert engine.count(find.filter) == 3
        assert engine.count(parse_find({"filter": {"i": 2}}, SCHEMA).filter) == 1


@pytest.mark.parametrize("empty", ["$nothing", "$none", {"$ifNull": ["$nothing", []]}, {"$ifNull": ["$none", []]}])
def test_a_column_without_values_goes_with_every_type(empty):
    schema = struct({"s": STRING, "nothing": NULL, "none": ListOf(NULL)})
    pipeline = [{"$project": {"a": {"$in": ["$s", ["x", "$nothing"]]}, "b": {"$ifNull": [empty, ["$s"]]}}}]
    rows = [{"s": "x", "none": [None]}, {"s": None}]
    with duck(schema, rows) as engine:
        parsed = parse_pipeline(pipeline, schema)
        assert same(list(engine.aggregate(parsed)), aggregate(parsed, rows))


@pytest.mark.parametrize("by", [-86_400_000, 1e300, 2**62])
def test_a_date_beyond_the_calendar_is_refused(by):
    for stage in ({"$add": [{"$date": "0001-01-01T00:00:00Z"}, by]}, {"$subtract": ["$d", {"$abs": by}]}):
        pipeline = parse_pipeline([{"$match": {"$expr": {"$gt": [stage, 0]}}}], SCHEMA)
        rows = [{"d": datetime(1, 1, 1, tzinfo=UTC)}]
        with duck(SCHEMA, rows) as engine:
            for run in (engine, MemoryEngine(rows)):
                with pytest.raises(Refused, match="Invalid query"):
                    run.aggregate(pipeline)


def test_rounding_the_largest_numbers_keeps_them():
    pipeline = parse_pipeline([{"$project": {"v": {"$round": ["$f", 15]}, "w": {"$trunc": ["$f", 2]}}}], SCHEMA)
    rows = [{"f": 1.7e308}, {"f": -(2.0**53)}, {"f": 0.25}]
    with duck(SCHEMA, rows) as engine:
        assert same(list(engine.aggregate(pipeline)), aggregate(pipeline, rows))
