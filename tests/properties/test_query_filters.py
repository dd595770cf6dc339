"""Random filters and sorts: DuckDB answers what the reference evaluator answers."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.conformance.engines import duck
from tests.properties.query_data import PATHS, SCHEMA, filters, rows
from xase_server.engines.memory import MemoryEngine
from xase_server.query.parse import parse_find
from xase_server.query.schema import parallel

SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SORTED_PATHS = [path for path in PATHS if not path.startswith("m")]


@SLOW
@given(data=rows(), queries=st.lists(filters(), min_size=1, max_size=12))
def test_a_filter_matches_the_same_rows(data, queries):
    reference = MemoryEngine(data)
    with duck(SCHEMA, data) as engine:
        for query in queries:
            found = parse_find({"filter": query}, SCHEMA)
            assert (list(engine.numbers(found)), query) == (list(reference.numbers(found)), query)
            assert engine.count(found.filter) == len(reference.numbers(found))


@SLOW
@given(
    data=rows(),
    keys=st.dictionaries(st.sampled_from(SORTED_PATHS), st.sampled_from([1, -1]), min_size=1, max_size=3),
    window=st.tuples(st.integers(0, 3), st.integers(0, 4)),
)
def test_a_sort_and_its_window_give_the_same_order(data, keys, window):
    skip, limit = window
    assume(not parallel(SCHEMA, [tuple(key.split(".")) for key in keys]))
    found = parse_find({"sort": keys, "skip": skip, "limit": limit}, SCHEMA)
    with duck(SCHEMA, data) as engine:
        assert list(engine.numbers(found)) == list(MemoryEngine(data).numbers(found))


@SLOW
@given(data=rows(), direction=st.sampled_from([1, -1]))
def test_a_column_of_mixed_types_sorts_by_family_and_value(data, direction):
    kept = [row for row in data if not holds_objects(row["m"])]
    found = parse_find({"sort": {"m": direction}}, SCHEMA)
    with duck(SCHEMA, kept) as engine:
        assert list(engine.numbers(found)) == list(MemoryEngine(kept).numbers(found))


def holds_objects(value: object) -> bool:
    """Whether objects or lists of lists are in a value; their order among themselves is not defined."""
    if isinstance(value, list):
        return any(isinstance(each, dict | list) for each in value)
    return isinstance(value, dict)
