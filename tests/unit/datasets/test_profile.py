import pytest

from xase_server.datasets.folder import read_schema
from xase_server.datasets.profile import profile


def of(made):
    return profile(made.version.all_rows(), read_schema(made.found))


def test_numbers_have_their_spread(make):
    found = of(make([{"n": n, "f": n / 2 if n % 2 else None} for n in range(1001)]))
    assert found["rows"] == 1001
    assert found["fields"]["n"] == {
        "type": "int",
        "values": 1001,
        "nulls": 0,
        "distinct": 1001,
        "min": 0,
        "max": 1000,
        "quantiles": {"0.05": 50, "0.25": 250, "0.5": 500, "0.75": 750, "0.95": 950},
    }
    assert found["fields"]["f"]["nulls"] == 501
    assert found["fields"]["f"]["max"] == 499.5


def test_nested_fields_are_counted_by_element(make):
    found = of(make([{"s": {"l": [{"x": 1}, {"x": None}]}}, {"s": None}, {"s": {"l": []}}, {"s": {"l": [{"x": 3}]}}]))
    field = found["fields"]["s.l.x"]
    assert (field["values"], field["nulls"], field["distinct"], field["min"], field["max"]) == (2, 1, 2, 1, 3)


def test_dates_are_text_and_texts_have_no_spread(make):
    found = of(
        make([{"at": {"$date": "2025-01-15T00:00:00Z"}, "t": "x", "ok": True}, {"at": None, "t": "x", "ok": False}])
    )
    assert found["fields"]["at"]["min"] == "2025-01-15T00:00:00.000Z"
    assert found["fields"]["t"] == {"type": "string", "values": 2, "nulls": 0, "distinct": 1}
    assert found["fields"]["ok"] == {"type": "bool", "values": 2, "nulls": 0, "distinct": 2}


def test_of_mixed_columns_only_nulls_are_told(make):
    found = of(make([{"a": 1}, {"a": "x"}, {"a": None}, {"b": None}]))
    assert found["fields"]["a"] == {"type": "json", "values": 2, "nulls": 2}
    assert found["fields"]["b"] == {"type": "null", "values": 0, "nulls": 4, "distinct": 0}


def test_many_distinct_values_are_estimated(make):
    found = of(make("a,b\n" + "".join(f"t{n % 50_000},{n}\n" for n in range(100_000)), "data.csv"))
    assert found["fields"]["a"]["distinct"] == pytest.approx(50_000, rel=0.06)
    assert found["fields"]["b"]["distinct"] == pytest.approx(100_000, rel=0.06)


def test_a_version_without_rows_has_a_profile(make):
    assert of(make("a\n", "data.csv"))["fields"]["a"] == {"type": "null", "values": 0, "nulls": 0, "distinct": 0}
