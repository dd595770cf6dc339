"""Whatever JSON a caller sends is answered, or refused as `invalid_query`; nothing else leaves the query language."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.engines import duck
from tests.properties.query_data import PATHS, SCHEMA, SMALL, expressions, filters, rows
from xase_server.domain.errors import Refused
from xase_server.engines.memory import MemoryEngine
from xase_server.query.operators import ACCUMULATORS, EXPRESSIONS, FILTERS, REFUSED, STAGES
from xase_server.query.parse import parse_fields, parse_find, parse_pipeline
from xase_server.query.reshape import project

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
OPERATORS = st.sampled_from([*FILTERS, *STAGES, *ACCUMULATORS, *EXPRESSIONS, *REFUSED, "$", "$$", "$date", "$unknown"])
NAMES = OPERATORS | st.sampled_from(
    [*PATHS, "", ".", "a..b", "a.", "x\0", "'\"; --", "\ud800", "li.007", "li.9999999999"]
)
NUMBERS = [0, -1, 2, 1.5, 1e308, 5e-324, 2**31, 2**63 - 1, -(2**63), 2**64, 2**200]
TEXTS = ["", "a", "$", "$i", "$s", "$d", "$li", "$o", "$lo", "$m", "$nope", "$$ROOT", "$$this", "$$REMOVE"]
ODD_TEXTS = ["a\0", "\ud800", "(", "%Q", "[[:x:]]", "x" * 300]
SCALARS = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.sampled_from(ODD_TEXTS)
JUNK = st.recursive(
    SCALARS | st.sampled_from([{"$date": "9999-12-31T23:59:59Z"}, {"$date": "0001-01-01"}, {"$date": 5}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=6,
)
TESTS = st.dictionaries(st.sampled_from(PATHS), st.dictionaries(OPERATORS, JUNK, min_size=1, max_size=2), max_size=2)
COMPUTED = st.dictionaries(st.sampled_from(EXPRESSIONS), JUNK | expressions(), min_size=1, max_size=1)
STAGE = st.one_of(
    st.dictionaries(st.sampled_from(STAGES), JUNK | st.dictionaries(NAMES, JUNK, max_size=3), min_size=1, max_size=1),
    COMPUTED.map(lambda value: {"$addFields": {"v": value}}),
    st.builds(
        lambda key, name, value: {"$group": {"_id": key, "v": {name: value}}},
        JUNK,
        st.sampled_from(ACCUMULATORS),
        JUNK | COMPUTED,
    ),
    (TESTS | filters()).map(lambda value: {"$match": value}),
)
DATA = rows(most=3, ints=SMALL)


def attempt(work: Any, *arguments: Any) -> Any:
    """What the work answers, or None when it is refused."""
    try:
        return work(*arguments)
    except Refused as caught:
        refusal = caught
    assert refusal.kind.slug == "invalid_query"
    return None


@SLOW
@given(data=DATA, asked=st.lists(JUNK | TESTS, max_size=8), sort=JUNK, window=st.tuples(SCALARS, SCALARS))
def test_any_find_is_answered_or_refused(data, asked, sort, window):
    skip, limit = window
    with duck(SCHEMA, data) as engine:
        for query in ({"filter": each} for each in asked):
            found = attempt(parse_find, query, SCHEMA)
            if found is not None:
                numbers = attempt(engine.numbers, found)
                assert (None if numbers is None else list(numbers)) == attempt(MemoryEngine(data).numbers, found)
        attempt(parse_find, {"sort": sort, "skip": skip, "limit": limit}, SCHEMA)


@SLOW
@given(data=DATA, stages=st.lists(st.lists(STAGE, min_size=1, max_size=2), max_size=6))
def test_any_pipeline_is_answered_or_refused(data, stages):
    with duck(SCHEMA, data) as engine:
        for pipeline in stages:
            parsed = attempt(parse_pipeline, pipeline, SCHEMA)
            if parsed is not None:
                attempt(engine.aggregate, parsed)
                attempt(MemoryEngine(data).aggregate, parsed)


@SLOW
@given(data=DATA, fields=JUNK | st.dictionaries(NAMES, JUNK, max_size=3) | st.lists(NAMES, max_size=3))
def test_any_fields_are_answered_or_refused(data, fields):
    read = attempt(parse_fields, fields, SCHEMA)
    if read is not None:
        for row in data:
            project(read[0], row)
