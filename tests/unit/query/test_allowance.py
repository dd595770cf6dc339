"""What a query may spend: few words must not ask for endless work or endless values."""

import functools
import itertools

import pytest

from tests.conformance.engines import duck
from tests.properties.query_data import SCHEMA
from tests.unit.query.test_refusals import refused
from xase_server.engines.memory import MemoryEngine
from xase_server.query.aggregate import aggregate
from xase_server.query.limits import QuerySettings
from xase_server.query.parse import parse_pipeline

TWICE = ["$$value", "$$value"]
LARGE = [
    {"input": {"$range": [0, 60]}, "initialValue": 1, "in": TWICE},
    {"input": {"$range": [0, 200]}, "initialValue": 1, "in": ["$$value"]},
    {"input": {"$range": [0, 60]}, "initialValue": [1], "in": {"$concatArrays": TWICE}},
    {"input": [1] * 60, "initialValue": [1], "in": {"$concatArrays": TWICE}},
    {"input": [1] * 60, "initialValue": "ab", "in": {"$concat": TWICE}},
]


@pytest.mark.parametrize("fold", LARGE)
def test_a_value_that_doubles_without_end_is_refused(fold):
    doubling = parse_pipeline([{"$project": {"v": {"$reduce": fold}}}], SCHEMA)
    with duck(SCHEMA, [{"i": 1}]) as engine:
        for run in (engine, MemoryEngine([{"i": 1}])):
            assert "at most" in refused(run.aggregate, doubling)[1]


def test_text_that_grows_from_stage_to_stage_is_refused():
    growing = parse_pipeline([{"$addFields": {"s": {"$concat": ["$s"] * 40}}}] * 4, SCHEMA)
    with duck(SCHEMA, [{"s": "abc" * 10}] * 50) as engine:
        assert "at most" in refused(engine.aggregate, growing)[1]


def test_the_rows_and_elements_of_the_reference_are_paid_for():
    rows = [{"li": [1, 2, 3]}] * 4
    for stage in ({"$unwind": "$li"}, {"$group": {"_id": None, "v": {"$push": "$li"}}}, {"$project": {"v": ["$li"]}}):
        pipeline = parse_pipeline([stage], SCHEMA)
        assert aggregate(pipeline, rows, QuerySettings(parts=50))
        assert "at most 7 parts" in refused(aggregate, pipeline, rows, QuerySettings(parts=7))[1]


def test_the_reference_is_out_of_time_after_as_long():
    pipeline = parse_pipeline([{"$match": {"i": 1}}], SCHEMA)
    mapped = parse_pipeline([{"$project": {"v": {"$map": {"input": "$li", "in": 1}}}}], SCHEMA)
    rows = [{"i": 1, "li": [1, 2, 3]}] * 3
    for late, ticks in ((pipeline, 3), (mapped, 12)):
        assert len(aggregate(late, rows, QuerySettings(seconds=ticks), clock=itertools.count().__next__)) == 3
        hurried = functools.partial(aggregate, clock=itertools.count().__next__)
        assert "at most 2 seconds" in refused(hurried, late, rows, QuerySettings(seconds=2))[1]


@pytest.mark.parametrize("name", ["add", "multiply", "concat", "and", "ifNull", "max"])
def test_as_many_operands_as_a_query_may_have_are_compiled(name):
    many = parse_pipeline([{"$project": {"v": {f"${name}": ["$s" if name == "concat" else "$o.i"] * 190}}}], SCHEMA)
    with duck(SCHEMA, [{"o": {"i": 1}, "s": "a"}]) as engine:
        assert engine.aggregate(many) == MemoryEngine([{"o": {"i": 1}, "s": "a"}]).aggregate(many)
