"""Transforms on whole schemas: nested, in lists, dropped; types before and after."""

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.transforms.making import KEYS, applied, compiled
from xase_server.query.schema import DATE, FLOAT, INT, JSON, STRING, ListOf, Struct, struct
from xase_server.transforms.compiled import domain_of

SCHEMA = struct(
    {
        "record_id": STRING,
        "who": STRING,
        "age": INT,
        "home": struct({"zip": STRING, "at": struct({"lat": FLOAT})}),
        "tags": ListOf(STRING),
        "visits": ListOf(struct({"day": DATE, "cost": FLOAT, "codes": ListOf(STRING)})),
        "notes": JSON,
    }
)
DAY = 86_400_000
ROWS = [
    {
        "record_id": "r0",
        "who": "p1",
        "age": 57,
        "home": {"zip": "10115", "at": {"lat": 52.5}},
        "tags": ["a", None, "b"],
        "visits": [{"day": DAY, "cost": 1.0, "codes": ["E11"]}, {"day": None, "cost": 1.0, "codes": None}],
        "notes": '{"a": 1}',
    },
    {"record_id": "r1", "who": "p2", "age": None, "home": None, "tags": None, "visits": [], "notes": None},
    {
        "record_id": "r2",
        "who": "p1",
        "age": 3,
        "home": {"zip": None, "at": None},
        "tags": [],
        "visits": [None, {"day": 5 * DAY, "cost": 2.0, "codes": ["A", "B"]}],
        "notes": "7",
    },
]
TYPE = pa.schema(
    [
        ("record_id", pa.string()),
        ("who", pa.string()),
        ("age", pa.int64()),
        ("home", pa.struct([("zip", pa.string()), ("at", pa.struct([("lat", pa.float64())]))])),
        ("tags", pa.list_(pa.string())),
        (
            "visits",
            pa.list_(
                pa.struct(
                    [("day", pa.timestamp("ms", "UTC")), ("cost", pa.float64()), ("codes", pa.list_(pa.string()))]
                )
            ),
        ),
        ("notes", pa.string()),
    ]
)
TABLE = pa.Table.from_pylist(ROWS, TYPE)
SPECS = {
    "age": {"op": "generalize", "width": 5},
    "home.zip": {"op": "generalize", "prefix": 3},
    "tags": {"op": "hash"},
    "visits.day": {"op": "date_shift", "subject": "who", "max_days": 100},
    "visits.cost": {"op": "noise", "scale": 1},
    "visits.codes": {"op": "mask"},
    "notes": {"op": "drop"},
}


def rows(specs, table=TABLE):
    return applied(specs, SCHEMA, table).to_pylist()


def test_values_anywhere_are_reached():
    after = rows(SPECS)
    assert [each["age"] for each in after] == ["55-59", None, "0-4"]
    assert [each["home"] for each in after] == [
        {"zip": "101", "at": {"lat": 52.5}},
        None,
        {"zip": None, "at": None},
    ]
    assert [len(after[0]["tags"][0]), after[0]["tags"][1], after[1]["tags"], after[2]["tags"]] == [64, None, None, []]
    assert after[0]["visits"][0]["codes"] == ["***"]
    assert after[2]["visits"][0] is None
    assert after[2]["visits"][1]["codes"] == ["*", "*"]
    assert after[2]["visits"][1]["day"] - after[0]["visits"][0]["day"] == pa.scalar(4 * DAY, pa.duration("ms")).as_py()
    costs = [visit["cost"] for visit in after[0]["visits"]]
    assert costs[0] != costs[1]
    assert "notes" not in after[0]


def test_types_are_those_of_what_comes_out():
    made = compiled(SPECS, SCHEMA)
    assert made.schema == struct(
        {
            "record_id": STRING,
            "who": STRING,
            "age": STRING,
            "home": struct({"zip": STRING, "at": struct({"lat": FLOAT})}),
            "tags": ListOf(STRING),
            "visits": ListOf(struct({"day": DATE, "cost": FLOAT, "codes": ListOf(STRING)})),
        }
    )
    assert made.columns == {"age", "home", "tags", "visits", "notes"}
    assert made.reads(["visits", "age"]) == ("visits", "age", "who")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_part_of_the_rows_comes_out_as_in_the_whole(size):
    """Rows are numbered, so that where a batch begins changes nothing."""
    made = compiled(SPECS, SCHEMA)
    whole = made.apply(TABLE, np.arange(3)).to_pylist()
    for start in range(4 - size):
        numbers = np.arange(start, start + size)
        assert made.apply(TABLE.slice(start, size), numbers).to_pylist() == whole[start : start + size]
        assert (
            made.apply(TABLE.take(pa.array(numbers[::-1])), numbers[::-1]).to_pylist()
            == whole[start : start + size][::-1]
        )
    pieces = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    assert made.apply(pieces, np.arange(3)).to_pylist() == whole


def test_only_the_columns_that_are_there_come_out():
    made = compiled(SPECS, SCHEMA)
    assert made.apply(TABLE.select(["age", "who", "notes"]), np.arange(3)).column_names == ["age", "who"]
    assert made.apply(TABLE.slice(0, 0), np.arange(0)).num_rows == 0


@pytest.mark.parametrize(
    ("specs", "left"),
    [
        ({"home": {"op": "drop"}}, {"record_id", "who", "age", "tags", "visits", "notes"}),
        (
            {"home.zip": {"op": "drop"}, "home.at": {"op": "drop"}},
            {"record_id", "who", "age", "tags", "visits", "notes"},
        ),
        ({"home.at.lat": {"op": "drop"}}, {"record_id", "who", "age", "home", "tags", "visits", "notes"}),
        ({"home.nothing": {"op": "drop"}, "nobody": {"op": "hash"}}, set(TYPE.names)),
    ],
)
def test_what_is_dropped_does_not_exist(specs, left):
    made = compiled(specs, SCHEMA)
    assert {name for name, _ in made.schema.members} == left
    assert set(made.apply(TABLE, np.arange(3)).column_names) == left
    if specs.keys() == {"home.at.lat"}:
        assert made.schema.member("home") == struct({"zip": STRING})


@pytest.mark.parametrize(
    "specs",
    [
        {"age": {"op": "date_shift", "subject": "who", "max_days": 3}},
        {"age": {"op": "generalize", "prefix": 3}},
        {"age": {"op": "scrub_text"}},
        {"age": {"op": "hash", "salt": "x"}},
    ],
)
def test_what_slipped_through_the_check_of_the_policy_is_dropped(specs):
    assert compiled(specs, SCHEMA).schema.member("age") is None


def test_a_path_into_mixed_values_drops_them_as_a_whole():
    assert compiled({"notes.a": {"op": "redact"}}, SCHEMA).schema.member("notes") is None


def test_a_shift_without_its_subject_drops_the_date():
    made = compiled({"visits.day": {"op": "date_shift", "subject": "nobody", "max_days": 3}}, SCHEMA)
    assert "day" not in dict(made.schema.member("visits").element.members)


def test_a_path_with_a_place_in_a_list_means_every_element():
    assert rows({"visits.0.codes": {"op": "mask"}}) == rows({"visits.codes": {"op": "mask"}})


def test_a_transform_of_an_object_takes_in_those_of_its_members():
    made = compiled({"home": {"op": "drop"}, "home.zip": {"op": "hash"}}, SCHEMA)
    assert made.schema.member("home") is None


def test_a_subject_may_be_a_member():
    schema = struct({"who": struct({"id": STRING}), "day": DATE})
    table = pa.table({"who": [{"id": "a"}, None], "day": pa.array([0, 0], pa.timestamp("ms", "UTC"))})
    after = applied({"day": {"op": "date_shift", "subject": "who.id", "max_days": 9}}, schema, table)
    assert after["day"].to_pylist()[1] is None
    assert after["day"].to_pylist()[0].day


def test_key_ids_are_those_of_the_hashes():
    made = compiled({"who": {"op": "hash"}, "age": {"op": "hash", "domain": "dataset"}, "tags": {"op": "mask"}}, SCHEMA)
    assert made.key_ids == {"who": KEYS.key_id("hash", "grant"), "age": KEYS.key_id("hash", "dataset")}


def test_values_differ_between_grants_only_where_a_hash_says_so():
    assert domain_of({"a": {"op": "hash"}}) == "grant"
    assert domain_of({"a": {"op": "hash", "domain": "dataset"}, "b": {"op": "mask"}}) == "dataset"
    assert domain_of({}) == "dataset"


def test_an_object_without_members_stays():
    schema = struct({"a": Struct(()), "b": INT})
    assert compiled({"a.x": {"op": "hash"}}, schema).schema == schema
