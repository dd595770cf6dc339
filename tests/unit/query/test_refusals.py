"""What a query may not say, and what the caller is told."""

import json
import time

import pytest

from tests.conformance.engines import duck, empty_database
from tests.properties.query_data import SCHEMA
from tests.sight import only
from xase_server.domain.errors import Refused
from xase_server.engines.duckdb import DuckDBEngine
from xase_server.engines.memory import MemoryEngine
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.operators import REFUSED
from xase_server.query.parse import decode, parse_fields, parse_filter, parse_find, parse_pipeline
from xase_server.query.schema import INT, struct


def refused(call, *arguments, **options):
    with pytest.raises(Refused) as caught:
        call(*arguments, **options)
    assert (caught.value.kind.slug, caught.value.kind.status) == ("invalid_query", 400)
    ((problem),) = caught.value.details
    return problem["field"], problem["message"]


def test_a_refusal_names_the_place_in_the_filter():
    assert refused(parse_filter, {"$or": [{"i": 1}, {"o.p.f": {"$gte": []}}]}, SCHEMA)[0] == "$or.1.o.p.f.$gte"


def test_the_filter_of_a_find_is_named_in_the_same_way():
    wish = {"filter": {"$or": [{"i": 1}, {"o.p.f": {"$gte": []}}]}}
    assert refused(parse_find, wish, SCHEMA)[0] == "$or.1.o.p.f.$gte"
    assert refused(parse_find, {"filter": "i > 5"}, SCHEMA)[0] == "filter"
    assert refused(parse_find, {"filter": {"": 1}}, SCHEMA)[0] == "query"
    assert refused(parse_pipeline, {"$match": {}}, SCHEMA)[0] == "pipeline"


def test_a_refusal_names_the_stage_of_a_pipeline():
    assert (
        refused(parse_pipeline, [{"$match": {}}, {"$project": {"v": {"$sumif": 1}}}], SCHEMA)[0]
        == "1.$project.v.$sumif"
    )


def test_an_unknown_and_a_forbidden_field_are_told_the_same():
    visible = only(SCHEMA, ["i", "o.s"])
    for ask in (
        lambda name: refused(parse_filter, {name: 1}, visible),
        lambda name: refused(parse_find, {"sort": {name: 1}}, visible),
        lambda name: refused(parse_pipeline, [{"$group": {"_id": f"${name}"}}], visible),
    ):
        unknown, forbidden = ask("q"), ask("f")
        assert tuple(part.replace("q", "f") for part in unknown) == forbidden
    parse_filter({"o.s": "a"}, visible)
    assert refused(parse_filter, {"o.i": 1}, visible)[1] == refused(parse_filter, {"o.q": 1}, visible)[1]


def test_fields_that_may_not_be_filtered_by_may_still_be_grouped_by():
    pipeline = [{"$group": {"_id": "$s"}}, {"$match": {"_id": "a"}}]
    parse_pipeline(pipeline, SCHEMA, filterable=only(SCHEMA, ["i"]))
    assert (
        refused(parse_pipeline, [{"$match": {"s": "a"}}], SCHEMA, filterable=only(SCHEMA, ["i"]))[1] == "No such field"
    )


def test_a_field_that_is_not_there_projects_to_nothing():
    projection, left = parse_fields(["i", "nope", "f.x"], only(SCHEMA, ["i"]))
    assert [name for name, _ in left.members] == ["i"]
    assert not projection.exclude


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_operator_refused_on_purpose_is_refused_with_its_reason(name):
    reason = f"{name} {REFUSED[name]}"
    assert refused(parse_filter, {name: 1}, SCHEMA)[1] == reason
    assert refused(parse_pipeline, [{name: 1}], SCHEMA)[1] == reason
    assert refused(parse_pipeline, [{"$project": {"v": {name: 1}}}], SCHEMA)[1] == reason


def test_limits_are_named_when_they_are_passed():
    deep: object = {"i": 1}
    for _ in range(20):
        deep = {"$and": [deep]}
    assert "16 levels" in refused(parse_filter, deep, SCHEMA)[1]
    assert "200 conditions" in refused(parse_filter, {"$or": [{"i": n} for n in range(300)]}, SCHEMA)[1]
    assert "200 conditions" in refused(parse_filter, {"li": list(range(300))}, SCHEMA)[1]
    assert "200 conditions" in refused(parse_filter, {"ll": {"$in": [[n] for n in range(300)]}}, SCHEMA)[1]
    assert "200 conditions" in refused(parse_filter, {"m": {f"k{n}": n for n in range(300)}}, SCHEMA)[1]
    assert "6 levels" in refused(parse_filter, {"m": [[[[[[[1]]]]]]]}, SCHEMA)[1]
    assert "10000 values" in refused(parse_filter, {"i": {"$in": list(range(10_001))}}, SCHEMA)[1]
    assert "256 characters" in refused(parse_filter, {"s": {"$regex": "a" * 257}}, SCHEMA)[1]
    assert "20 stages" in refused(parse_pipeline, [{"$match": {}}] * 21, SCHEMA)[1]
    assert "256000 bytes" in refused(decode, b" " * 256_001)[1]
    assert "levels" in refused(decode, b"[" * 100_000)[1]


def test_too_many_result_rows_are_refused_naming_the_limit():
    pipeline = parse_pipeline([{"$group": {"_id": "$i"}}], SCHEMA)
    with duck(SCHEMA, [{"i": number} for number in range(4)], QuerySettings(groups=3)) as engine:
        assert refused(engine.aggregate, pipeline)[1] == "At most 3 result rows"


@pytest.mark.parametrize(
    ("query", "where"),
    [({"filter": {"$expr": {"$eq": [{"$trim": {"input": "$s"}}, "a"]}}}, "filter"), ({"sort": {"ll": 1}}, "sort")],
)
def test_what_is_asked_of_each_record_in_turn_is_asked_of_so_many_only(query, where):
    with duck(SCHEMA, [{"s": "a"}] * 4, QuerySettings(groups=3)) as engine:
        assert refused(engine.numbers, parse_find(query, SCHEMA))[0] == where
        assert "at most 3 records" in refused(engine.numbers, parse_find(query, SCHEMA))[1]
        narrow = {**query, "filter": {**query.get("filter", {}), "i": 1}}
        assert list(engine.numbers(parse_find(narrow, SCHEMA))) == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b'{"a": 1e999}'])
def test_what_is_not_json_is_refused(body):
    def ask():
        parse_filter(decode(body), SCHEMA)

    refused(ask)


EVIL = ["(a+)+$", "([a-zA-Z]+)*$", "(a|aa)+$", "(a|a?)+$", "(.*a){12}$"]


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_that_explodes_elsewhere_is_linear_here(pattern):
    found = parse_find({"filter": {"s": {"$regex": f"^{pattern}"}}}, SCHEMA)
    with duck(SCHEMA, [{"s": "a" * 5_000 + "!"}]) as engine:
        started = time.process_time()
        assert list(engine.numbers(found)) == []
        assert time.process_time() - started < DEFAULTS.seconds / 2


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "a{2000}", "[", "(?P<n>a)(?P=n)"])
def test_a_pattern_that_re2_cannot_run_is_refused(pattern):
    assert "RE2" in refused(parse_filter, {"s": {"$regex": pattern}}, SCHEMA)[1]


def test_a_query_out_of_time_is_refused_and_the_next_one_runs():
    schema = struct({"i": INT})
    slow = parse_pipeline([{"$group": {"_id": {"$mod": ["$i", 1_000_003]}}}, {"$count": "n"}], schema)
    with duck(schema, []):
        empty_database().execute("INSERT INTO records SELECT range FROM range(3_000_000)")
        hurried = DuckDBEngine(empty_database(), "records", schema, QuerySettings(seconds=0.0))
        assert "seconds" in refused(hurried.aggregate, slow)[1]
        patient = DuckDBEngine(empty_database(), "records", schema)
        assert patient.count(parse_filter({"i": {"$lt": 10}}, schema)) == 10


@pytest.mark.parametrize("keys", [{"li": 1, "ls": 1}, {"lo.li": 1, "li": -1}, {"ll.0": 1, "i": 1, "li": 1}])
def test_a_sort_by_two_lists_is_refused(keys):
    assert refused(parse_find, {"sort": keys}, SCHEMA) == ("sort", "Keys of a sort may go through one list only")
    assert refused(parse_pipeline, [{"$sort": keys}], SCHEMA)[0] == "0.$sort"
    parse_find({"sort": {"li.0": 1, "ls.1": 1, "lo.i": 1}}, SCHEMA)


def test_a_field_that_a_stage_dropped_is_null_and_an_unknown_one_refused():
    dropped = [{"$project": {"s": 1, "o.i": 1}}, {"$match": {"i": None, "o.s": None}}, {"$group": {"_id": "$o.p.f"}}]
    rows = [{"i": 1, "s": "a", "o": {"i": 1, "s": "x", "p": {"f": 0.5}}}]
    with duck(SCHEMA, rows) as engine:
        for run in (engine, MemoryEngine(rows)):
            assert list(run.aggregate(parse_pipeline(dropped, SCHEMA))) == [{"_id": None}]
    assert refused(parse_pipeline, [*dropped[:1], {"$match": {"nope": 1}}], SCHEMA) == (
        "1.$match.nope",
        "No such field",
    )


def test_the_details_are_json():
    with pytest.raises(Refused) as caught:
        parse_filter({"é\u0000": 1}, SCHEMA)
    assert json.loads(json.dumps(caught.value.details)) == caught.value.details
