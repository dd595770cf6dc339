"""The public query corpus through every engine, by the corpus's own comparison rule."""

import importlib.util
import time
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.corpus import cases, own_cases, same, schema_of, value, written
from tests.conformance.engines import ENGINES, Opener
from tests.conftest import REPOSITORY
from xase_server.domain.errors import Refused
from xase_server.query.limits import DEFAULTS
from xase_server.query.parse import decode, parse_fields, parse_find, parse_pipeline
from xase_server.query.reshape import project
from xase_server.query.schema import INT, ListOf, struct

SHARED = REPOSITORY.parent / "shared"

# Where our documented choices (docs/spec/query.md, section 1) give another answer than MongoDB, and which choice.
NULL_IS_MISSING = "null and missing are one"
DEVIATIONS = {
    "pub-0010": NULL_IS_MISSING,
    "pub-0017": NULL_IS_MISSING,
    "pub-0018": NULL_IS_MISSING,
    "pub-0075": NULL_IS_MISSING,
}


def load(name: str) -> ModuleType:
    """A program of the corpus."""
    spec = importlib.util.spec_from_file_location(name, SHARED / "conformance" / "query" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(name: str) -> list[Any]:
    """One parameter a case; none, and so a skip, where the corpus is not beside this repository."""
    return [pytest.param(case, id=case["id"]) for case in cases(SHARED, name)] if SHARED.is_dir() else []


def answer(case: dict[str, Any], opened: Opener) -> list[Any]:
    """What an engine answers to a case, in the corpus's form."""
    schema = schema_of(case)
    rows = [value(row) for row in case["docs"]]
    with opened(schema, rows) as engine:
        if "pipeline" in case:
            return [written(dict(row)) for row in engine.aggregate(parse_pipeline(case["pipeline"], schema))]
        parts = {name: case[name] for name in ("filter", "sort", "skip", "limit") if name in case}
        found = [rows[number] for number in engine.numbers(parse_find(parts, schema))]
    if case["expect_kind"] == "ids":
        return [row["_id"] for row in found]
    projection, _ = parse_fields(case.get("fields"), schema)
    return [written(project(projection, row)) for row in found]


@pytest.mark.parametrize("opened", ENGINES)
@pytest.mark.parametrize("case", named("public.jsonl"))
def test_the_answer_is_the_published_one(case, opened, shared):
    agrees = load("compare").same(case, answer(case, opened), null_loose=True)
    assert agrees is (case["id"] not in DEVIATIONS)


@pytest.mark.parametrize("opened", ENGINES)
@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in own_cases()])
def test_the_answer_to_a_case_of_ours_is_the_one_of_mongodb(case, opened):
    got = answer(case, opened)
    for name in case.get("unordered_arrays", ()):
        got = [{**row, name: sorted(row[name], key=repr)} if row.get(name) else row for row in got]
    assert same(value(case["expect"]), value(got)), case["why"]


AWKWARD = ["rowid", "records", "value", "this", "x0", "X1", "c0", "k0", "f0", "number", 'a"b', "select"]


@pytest.mark.parametrize("opened", ENGINES)
@pytest.mark.parametrize("name", AWKWARD)
def test_a_column_may_have_any_name(name, opened):
    schema = struct({"_id": INT, name: INT, "li": ListOf(INT)})
    folded = {"$reduce": {"input": "$li", "initialValue": 0, "in": {"$add": ["$$value", "$$this", f"${name}"]}}}
    mapped = {"$map": {"input": "$li", "in": {"$add": ["$$this", f"${name}"]}}}
    stages = [{"$sort": {name: 1}}, {"$project": {"_id": 0, "folded": folded, "mapped": mapped}}]
    with opened(schema, [{"_id": n, name: 10 - n, "li": [1, 2]} for n in range(2)]) as engine:
        assert list(engine.numbers(parse_find({"filter": {name: {"$lt": 10}}}, schema))) == [1]
        assert list(engine.numbers(parse_find({"sort": {name: 1}}, schema))) == [1, 0]
        found = [dict(row) for row in engine.aggregate(parse_pipeline(stages, schema))]
    assert found == [{"folded": 21, "mapped": [10, 11]}, {"folded": 23, "mapped": [11, 12]}]


def ask(body: bytes, case: dict[str, Any], opened: Opener) -> list[Any]:
    """The `_id`s that a whole request answers with."""
    request = decode(body)
    query = {
        name: request[name] for name in ("filter", "sort", "skip", "limit", "pipeline", "fields") if name in request
    }
    return answer({**case, **query, "expect_kind": "docs" if "pipeline" in query else "ids"}, opened)


def refusal_or_answer(body: bytes, case: dict[str, Any], opened: Opener) -> Refused | list[Any]:
    try:
        fields_are_read(body, case)
        return ask(body, case, opened)
    except Refused as refusal:
        return refusal


def fields_are_read(body: bytes, case: dict[str, Any]) -> None:
    request = decode(body)
    if "fields" in request:
        parse_fields(request["fields"], schema_of(case))


@pytest.mark.parametrize("opened", ENGINES)
@pytest.mark.parametrize("case", named("errors.jsonl"))
def test_what_must_be_refused_is_refused(case, opened, shared):
    body = load("expand").body(case).encode()
    started = time.monotonic()
    found = refusal_or_answer(body, case, opened)
    assert time.monotonic() - started < case.get("max_seconds", DEFAULTS.seconds)
    if isinstance(found, Refused):
        assert (found.kind.slug, found.kind.status) == ("invalid_query", 400)
        assert found.details[0]["message"]
    else:
        assert case["verdict"] != "refuse"
        assert found == case["expect"]
