"""Columns whose different values are numbered when a version is made."""

import pyarrow as pa
import pytest

from xase_server.datasets import codes
from xase_server.datasets.codes import Codes
from xase_server.datasets.rows import Rows

WHO = ["b", "a", None, "a", "b", "b", "c", "a", None, "b", "a", "a", "b", "c", "a", "b"]
COUNT = len(WHO)
TABLE = pa.table(
    {
        "record_id": ["same"] * COUNT,
        "who": WHO,
        "site": [number % 2 for number in range(COUNT)],
        "home": [{"zip": str(number // 8), "at": {"floor": number % 3}} for number in range(COUNT)],
        "alone": [None if number % 4 else {"name": "x"} for number in range(COUNT)],
        "note": [f"note {number}" for number in range(COUNT)],
        "seldom": [number // 2 for number in range(COUNT)],
        "tags": [["a", "b"]] * COUNT,
        "cost": [1.5] * COUNT,
    }
)


@pytest.fixture
def made(tmp_path):
    """What is found in a folder for a table, written in batches of these lengths."""

    def make(table=TABLE, lengths=(4, 1, 5, 6)):
        with pa.ipc.new_file(str(tmp_path / "rows.arrow"), table.schema) as file:
            for start, length in zip((sum(lengths[:at]) for at in range(len(lengths))), lengths, strict=True):
                file.write_table(table.slice(start, length))
        codes.write(tmp_path, Rows(tmp_path / "rows.arrow"))
        return Codes(tmp_path, table.num_rows)

    return make


def decoded(column):
    return column.values.take(pa.array(column.codes)).to_pylist()


@pytest.mark.parametrize("group", [1, 2, 16])
def test_a_value_has_one_number_in_all_batches(made, monkeypatch, group):
    monkeypatch.setattr(codes, "_GROUP_BATCHES", group)
    found = made()
    who = found.numbered("who")
    assert decoded(who) == WHO
    assert sorted(who.values.to_pylist(), key=str) == [None, "a", "b", "c"]
    assert who.values[who.null].as_py() is None
    site = found.numbered("site")
    assert decoded(site) == TABLE["site"].to_pylist()
    assert site.null is None


def test_members_of_objects_are_numbered_and_null_where_their_object_is(made):
    found = made()
    assert decoded(found.numbered("home.zip")) == [str(number // 8) for number in range(COUNT)]
    assert decoded(found.numbered("home.at.floor")) == [number % 3 for number in range(COUNT)]
    assert decoded(found.numbered("alone.name")) == [None if number % 4 else "x" for number in range(COUNT)]


@pytest.mark.parametrize("path", ["record_id", "note", "seldom", "tags", "cost", "home", "home.at", "nothing", "who.x"])
def test_what_hardly_repeats_or_names_nobody_is_left_out(made, path):
    assert made().numbered(path) is None


def test_a_column_of_too_many_or_too_long_values_is_left_out_and_the_next_one_is_not(made, monkeypatch):
    monkeypatch.setattr(codes, "MOST_VALUES", 3)
    found = made()
    assert found.numbered("who") is None
    assert decoded(found.numbered("site")) == TABLE["site"].to_pylist()
    monkeypatch.setattr(codes, "MOST_VALUES", 4)
    monkeypatch.setattr(codes, "MOST_BYTES", 16)
    assert made().numbered("who") is None


def test_a_version_without_rows_or_with_nothing_to_number_is_read(made):
    assert made(TABLE.slice(0, 0), ()).numbered("who") is None
    assert made(TABLE.select(["record_id", "cost"])).numbered("cost") is None


def test_no_two_openings_have_the_same_name(made, tmp_path):
    first = made().numbered("who")
    again = Codes(tmp_path, COUNT).numbered("who")
    assert first.name != again.name
    assert first.name != Codes(tmp_path, COUNT).numbered("site").name
