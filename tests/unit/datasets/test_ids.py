import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase_server.datasets import ids
from xase_server.datasets.ids import Ids, text_hashes
from xase_server.datasets.ingest.record_ids import PlaceIds
from xase_server.ports.datasets import IngestProblem


def test_ids_come_from_the_column_that_is_named(make):
    made = make([{"n": 7, "x": {"id": "a"}}, {"n": 8, "x": {"id": "b"}}], id_field="n")
    assert made.ids == ["7", "8"]
    assert made.found.id_field == "n"
    assert made.row(0) == {"n": 7, "x": {"id": "a"}}
    assert make([{"x": {"id": "a"}}, {"x": {"id": "b"}}], id_field="x.id").ids == ["a", "b"]


def test_a_column_record_id_gives_the_ids_and_comes_first(make):
    made = make([{"a": 1, "record_id": 12}, {"a": 2, "record_id": 13}])
    assert made.ids == ["12", "13"]
    assert [column["name"] for column in made.found.schema] == ["record_id", "a"]
    assert make([{"a": 1, "record_id": 12}], id_field="record_id").ids == ["12"]


def test_two_columns_for_the_ids_are_refused(make):
    with pytest.raises(IngestProblem, match="rename one"):
        make([{"a": 1, "record_id": 12}], id_field="a")


def test_a_name_that_the_id_takes_in_another_case_is_refused(make):
    with pytest.raises(IngestProblem, match="the same"):
        make([{"Record_Id": 1}])


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"a": 1}, "b", "no column 'b'"),
        ({"a": [1]}, "a", "not lists"),
        ({"a": {"b": 1}}, "a", "not objects"),
        ({"a": [{"b": 1}]}, "a.b", "not lists"),
        ({"a": 1.5}, "a", "not float values"),
        ({"a": True}, "a", "not bool values"),
        ({"a": "x" * 513}, "a", "longer than 512"),
    ],
    ids=str,
)
def test_what_cannot_be_an_id_is_refused(make, row, field, words):
    with pytest.raises(IngestProblem, match=words):
        make([row], id_field=field)


def test_missing_ids_are_counted_and_placed(make):
    rows = [{"a": "x"}, {"a": None}, {"a": "y"}, {}, {"a": ""}]
    with pytest.raises(IngestProblem, match=r"^3 records have no id; the first: record 2, record 4, record 5$"):
        make(rows, id_field="a")


def test_doubled_ids_are_counted_and_placed_not_shown(make):
    rows = [{"a": "secret"}, {"a": "y"}, {"a": "secret"}, {"a": "z"}, {"a": "y"}]
    with pytest.raises(IngestProblem) as refused:
        make(rows, id_field="a")
    assert refused.value.message == (
        "4 records share their id with another one; the first: record 1, record 2, record 3, record 5"
    )


def test_derived_ids_depend_on_the_dataset_and_the_place_alone(make):
    first = make([{"a": n} for n in range(1000)])
    assert len(set(first.ids)) == 1000
    assert all(re.fullmatch("rec_[0-9a-f]{16}", each) for each in first.ids)
    assert make([{"b": "x"}] * 10).ids == first.ids[:10]
    assert not set(make([{"a": 1}], dataset_id="ds_other").ids) & set(first.ids)
    assert first.found.id_field is None


def test_derived_ids_never_meet():
    source, batch = PlaceIds("ds_x"), pa.record_batch({"a": pa.nulls(200_000)})
    together = pa.concat_arrays([source.of(batch, start) for start in (0, 200_000, 2**31)])
    assert len(together.unique()) == 600_000


def test_numbers_are_found_in_the_order_asked(make):
    version = make([{"record_id": f"id{n}"} for n in range(70_000)]).version
    assert version.number_of("id69999") == 69_999
    assert version.number_of("id70000") is None
    asked = ["id5", "", "nope", "id0", "id5", "\ud800", "id65536"]
    assert version.numbers_of(asked) == [5, None, None, 0, 5, None, 65_536]
    assert version.numbers_of([]) == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30), st.integers(0, 5))
def test_a_hash_depends_on_the_text_alone(texts, skip):
    array = pa.array(["before"] * skip + texts + ["after"], pa.string())
    together = text_hashes(array.slice(skip, len(texts)))
    assert together.tolist() == [int(text_hashes(pa.array([text]))[0]) for text in texts]
    assert len(set(together.tolist())) == len(set(texts))


def test_ids_of_one_hash_are_told_apart_by_their_text(tmp_path, monkeypatch):
    texts = pa.array([f"id{n}" for n in range(100)])
    monkeypatch.setattr(ids, "text_hashes", lambda array: np.full(len(array), 7, np.uint64))
    twins = ids.write(tmp_path / "ids.bin", ids.text_hashes(texts))
    assert twins.tolist() == list(range(100))
    found = Ids(tmp_path / "ids.bin", 100, lambda numbers: texts.take(pa.array(numbers)))
    assert found.numbers(["id3", "id99", "id100"]) == [3, 99, None]
