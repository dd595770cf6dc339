"""Each transform on single columns: what it gives, for nulls, for nothing, for text of any script."""

import hashlib
import hmac
import math
import unicodedata
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa
import pytest

from tests.unit.transforms.making import KEYS, applied, column
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, JSON, NULL, STRING, Struct
from xase_server.transforms.graphemes import graphemes
from xase_server.transforms.keys import Keys

MS = pa.timestamp("ms", "UTC")
ACCENT = ("Jos\u00e9", "Jose\u0301")


def hmac_of(text: str, domain: str = "grant") -> str:
    return hmac.new(KEYS.key("hash", domain), unicodedata.normalize("NFC", text).encode(), hashlib.sha256).hexdigest()


def instant(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def test_a_hash_is_the_hmac_of_the_text():
    values = ["p12345", None, "", "p12345", "日本", "x" * 200]
    assert column({"op": "hash"}, STRING, values) == [None if each is None else hmac_of(each) for each in values]


@pytest.mark.parametrize(
    ("type_", "arrow", "value", "text"),
    [
        (INT, pa.int64(), -7, "-7"),
        (INT, pa.int32(), 7, "7"),
        (BOOL, pa.bool_(), True, "true"),
        (DATE, MS, datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), "1969-12-31T23:59:59.999Z"),
        (DATE, pa.date32(), date(2024, 2, 29), "2024-02-29T00:00:00.000Z"),
    ],
)
def test_a_value_is_hashed_by_its_text(type_, arrow, value, text):
    assert column({"op": "hash"}, type_, [value, None], arrow) == [hmac_of(text), None]


def test_two_ways_to_write_a_character_are_one_value():
    one, other = column({"op": "hash"}, STRING, list(ACCENT))
    assert one == other


def test_two_grants_cannot_join_unless_the_domain_is_the_dataset():
    other = Keys(KEYS.master, KEYS.organisation, KEYS.dataset_id, "sess_2")
    assert column({"op": "hash"}, STRING, ["a"]) != column({"op": "hash"}, STRING, ["a"], keys=other)
    spec = {"op": "hash", "domain": "dataset"}
    assert column(spec, STRING, ["a"]) == column(spec, STRING, ["a"], keys=other) == [hmac_of("a", "dataset")]


@pytest.mark.parametrize(
    "changed",
    [
        Keys(b"\x08" * 32, "org_hospital", "ds_1", "sess_1"),
        Keys(KEYS.master, "org_other", "ds_1", "sess_1"),
        Keys(KEYS.master, "org_hospital", "ds_2", "sess_1"),
        Keys(KEYS.master, "org_hospital", "ds_1", "sess_1", version=2),
    ],
)
def test_a_key_depends_on_all_that_it_is_derived_from(changed):
    for domain in ("grant", "dataset"):
        assert changed.key("hash", domain) != KEYS.key("hash", domain)
        assert changed.key_id("hash", domain) != KEYS.key_id("hash", domain)
    assert (
        len({KEYS.key(use, domain) for use in ("hash", "noise", "date_shift") for domain in ("grant", "dataset")}) == 6
    )


def test_a_key_does_not_show():
    assert KEYS.master.hex() not in repr(KEYS)
    assert repr(KEYS.master) not in repr(KEYS)


@pytest.mark.parametrize(
    ("spec", "value", "masked"),
    [
        ({}, "secret", "******"),
        ({}, "", ""),
        ({"keep_first": 2}, "secret", "se****"),
        ({"keep_last": 4}, "0123456789", "******6789"),
        ({"keep_first": 1, "keep_last": 1, "char": "·"}, "secret", "s····t"),
        ({"keep_first": 2}, "four", "****"),
        ({"keep_last": 1}, "🇩🇪👩‍👩‍👧e\u0301xy", "****y"),
        ({"keep_first": 1}, "👩‍👩‍👧abc", "👩‍👩‍👧***"),
    ],
)
def test_a_mask_counts_characters_as_people_do(spec, value, masked):
    assert column({"op": "mask", **spec}, STRING, [value, None]) == [masked, None]


def test_numbers_are_masked_as_text():
    assert column({"op": "mask", "keep_last": 2}, INT, [1234567, None]) == ["*****67", None]


def test_the_end_of_a_line_is_one_cluster():
    assert graphemes("a\r\nb\n\u0301") == ["a", "\r\n", "b", "\n", "\u0301"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "e\u0301\u0323x",
        "한국어",
        "\u1112\u1161\u11ab가",
        "🇩🇪🇫🇷🇪",
        "👩🏽‍🚀!",
        "👨‍👩‍👧‍👦",
        "x\u200dy",
        "a\u0300\u200d",
        "\u0e01\u0e33",
        "1\ufe0f\u20e3",
    ],
)
def test_clusters_are_those_of_another_implementation(text):
    assert "".join(graphemes(text)) == text
    assert len(graphemes(text)) == duckdb.execute("SELECT length_grapheme(?)", [text]).fetchone()[0]


def test_what_is_redacted_is_alike_for_all():
    assert column({"op": "redact"}, STRING, ["a", None, ""]) == ["[REDACTED]"] * 3
    assert column({"op": "redact", "value": "-"}, STRING, ["a", None]) == ["-", "-"]
    assert column({"op": "redact"}, INT, [1, None], pa.int64()) == [None, None]
    assert column({"op": "redact"}, JSON, ['{"a": 1}', None]) == [None, None]


@pytest.mark.parametrize(
    ("spec", "values", "bands"),
    [
        (
            {"width": 5, "top": 90},
            [55, 59, 60, 89, 90, 121, None],
            ["55-59", "55-59", "60-64", "85-89", "90+", "90+", None],
        ),
        ({"width": 10, "bottom": 20}, [19, -3, 20], ["<20", "<20", "20-29"]),
        ({"width": 10}, [-1, -10, -11, 0], ["-10..-1", "-10..-1", "-20..-11", "0-9"]),
        ({"width": 1, "top": 90}, [57, 90], ["57", "90+"]),
        ({"width": 1 << 52}, [2**63 - 1, -(2**63)], [f"{2047 << 52}-{2**63 - 1}", f"{-(2**63)}..{-(2047 << 52) - 1}"]),
    ],
)
def test_whole_numbers_are_generalized_to_bands(spec, values, bands):
    assert column({"op": "generalize", **spec}, INT, values, pa.int64()) == bands


@pytest.mark.parametrize(
    ("spec", "values", "bands"),
    [
        ({"width": 0.5}, [0.0, 0.49, 0.5, -0.1, None], ["0-0.5", "0-0.5", "0.5-1", "-0.5..0", None]),
        ({"width": 10, "top": 40}, [36.6, 40.0, math.inf, math.nan, -math.inf], ["30-40", "40+", "40+", None, None]),
        ({"width": 0.1}, [1e300], [None]),
    ],
)
def test_fractions_are_generalized_to_bands(spec, values, bands):
    assert column({"op": "generalize", **spec}, FLOAT, values, pa.float64()) == bands


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("month", ["2024-02", "1969-12", "1970-01", None]),
        ("quarter", ["2024-Q1", "1969-Q4", "1970-Q1", None]),
        ("year", ["2024", "1969", "1970", None]),
    ],
)
def test_dates_are_generalized_to_a_part(part, expected):
    values = [instant(2024, 2, 29), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), instant(1970, 1, 1), None]
    assert column({"op": "generalize", "part": part}, DATE, values, MS) == expected


def test_codes_are_generalized_to_a_prefix():
    assert column({"op": "generalize", "prefix": 3}, STRING, ["10115", "E1", None, "äöüß"]) == [
        "101",
        "E1",
        None,
        "äöü",
    ]


@pytest.mark.parametrize(
    ("spec", "type_", "values", "labels"),
    [
        ({"edges": [18, 65]}, INT, [17, 18, 64, 65, None], ["<18", "18-64", "18-64", "65+", None]),
        ({"edges": [18], "labels": ["minor", "adult"]}, INT, [17, 18], ["minor", "adult"]),
        ({"edges": [36.5, 38]}, FLOAT, [36.4, 36.5, 38.0, math.nan, None], ["<36.5", "36.5-38", "38+", None, None]),
        ({"edges": [-5, 0]}, INT, [-6, -5, 0], ["<-5", "-5..-1", "0+"]),
    ],
)
def test_numbers_are_put_into_buckets(spec, type_, values, labels):
    arrow = pa.int64() if type_ is INT else pa.float64()
    assert column({"op": "bucketize", **spec}, type_, values, arrow) == labels


def test_all_dates_of_a_subject_move_alike_and_never_by_nothing():
    schema = Struct((("who", STRING), ("born", DATE), ("seen", DATE)))
    dates = [instant(1950, 1, 1), instant(1960, 5, 5), instant(1970, 1, 1), None, instant(1950, 1, 1)]
    table = pa.table({"who": ["a", "b", "a", "a", None], "born": pa.array(dates, MS), "seen": pa.array(dates, MS)})
    spec = {"op": "date_shift", "subject": "who", "max_days": 3}
    after = applied({"born": spec, "seen": spec, "who": {"op": "hash"}}, schema, table)
    moved = [(after["born"][place].as_py() - dates[place]).days for place in range(3)]
    assert after["born"] == after["seen"]
    assert moved[0] == moved[2] != 0
    assert max(map(abs, moved)) <= 3
    assert moved[1] != 0
    assert after["born"].to_pylist()[3:] == [None, None]


def test_noise_is_the_same_for_the_same_record_and_another_for_the_next():
    spec = {"op": "noise", "scale": 10}
    first = column(spec, FLOAT, [50.0, 50.0, None], pa.float64())
    assert first == column(spec, FLOAT, [50.0, 50.0, None], pa.float64())
    assert first[0] != first[1]
    assert first[2] is None
    assert all(isinstance(each, int) for each in column(spec, INT, [50, 60], pa.int64()))


def test_noise_of_two_fields_differs():
    schema = Struct((("a", FLOAT), ("b", FLOAT)))
    spec = {"op": "noise", "scale": 10}
    after = applied({"a": spec, "b": spec}, schema, pa.table({"a": [1.0], "b": [1.0]}))
    assert after["a"] != after["b"]


@pytest.mark.parametrize(
    "spec",
    [
        {"op": "hash"},
        {"op": "mask"},
        {"op": "redact"},
        {"op": "generalize", "width": 5},
        {"op": "bucketize", "edges": [1]},
        {"op": "noise", "scale": 1},
    ],
)
def test_a_column_without_values_stays_one(spec):
    assert column(spec, NULL, [None, None], pa.null()) == [None, None]
    assert column(spec, NULL, [], pa.null()) == []


@pytest.mark.parametrize(
    ("spec", "type_", "arrow"),
    [
        ({"op": "hash"}, STRING, pa.string()),
        ({"op": "mask"}, INT, pa.int64()),
        ({"op": "redact"}, STRING, pa.string()),
        ({"op": "generalize", "width": 5}, INT, pa.int64()),
        ({"op": "generalize", "part": "year"}, DATE, MS),
        ({"op": "bucketize", "edges": [1]}, FLOAT, pa.float64()),
        ({"op": "noise", "scale": 1}, FLOAT, pa.float64()),
    ],
)
def test_of_nothing_comes_nothing(spec, type_, arrow):
    assert column(spec, type_, [], arrow) == []
    assert column(spec, type_, [None], arrow)[0] in (None, "[REDACTED]")
