import pytest

from xase_server.ports.datasets import IngestProblem


def test_rows_are_appended_after_those_of_the_version_before(make):
    first = make([{"record_id": "a", "n": 1}, {"record_id": "b", "n": 2}])
    second = make([{"record_id": "c", "n": 3}], base=first)
    assert second.whole == [*first.whole, {"record_id": "c", "n": 3}]
    assert second.version.numbers_of(["a", "c"]) == [0, 2]


def test_new_columns_are_null_for_the_rows_before_and_missing_ones_for_those_after(make):
    first = make([{"n": 1, "old": {"x": 1}}])
    second = make([{"n": 2, "new": ["y"], "old": {"z": True}}, {"n": 3}], base=first)
    assert second.types == {"n": "int", "old": {"x": "int", "z": "bool"}, "new": ["string"]}
    assert second.rows == [{"n": 1, "old": {"x": 1}}, {"n": 2, "old": {"z": True}, "new": ["y"]}, {"n": 3}]


@pytest.mark.parametrize(
    ("before", "after", "type_"),
    [
        (1, 2.5, "float"),
        (2.5, 1, "float"),
        ([1], [2.5], ["float"]),
        ({"m": 1}, {"m": 2.5}, {"m": "float"}),
        (None, "x", "string"),
        ("x", None, "string"),
        ([], ["x"], ["string"]),
        (None, {"m": [1]}, {"m": ["int"]}),
    ],
    ids=str,
)
def test_types_are_united_where_no_value_changes(make, before, after, type_):
    second = make([{"a": after, "b": 1}], base=make([{"a": before, "b": 1}]))
    assert second.types == {"a": type_, "b": "int"}
    assert [row.get("a") for row in second.rows] == [before, after]
    assert second.version.engine is not None


def test_a_column_of_json_takes_whatever_comes(make):
    first = make([{"a": 1}, {"a": "x"}])
    second = make([{"a": {"b": [1]}}], base=first)
    assert [row["a"] for row in second.rows] == ["1", '"x"', '{"b":[1]}']
    third = make([{"a": 1}, {"a": "x"}], base=make([{"a": None}, {"a": None}]))
    assert third.types == {"a": "json"}


@pytest.mark.parametrize(("before", "after"), [(1, "x"), ("x", True), ([1], 1), ({"m": 1}, 1)], ids=str)
def test_another_type_is_refused_by_its_column(make, before, after):
    with pytest.raises(IngestProblem, match=r"Column 's\.a' has another type"):
        make([{"s": {"a": after}}], base=make([{"s": {"a": before}}]))


def test_ids_stay_unique_over_both(make):
    first = make([{"id": "a"}, {"id": "b"}], id_field="id")
    with pytest.raises(IngestProblem, match=r"2 records share their id .* record 2, record 4"):
        make([{"id": "c"}, {"id": "b"}], base=first, id_field="id")


def test_derived_ids_stay_and_go_on(make):
    first = make([{"n": 1}, {"n": 2}])
    second = make([{"n": 3}], base=first)
    assert second.ids[:2] == first.ids
    assert len(set(second.ids)) == 3
    assert second.ids == make([{"n": 1}, {"n": 2}, {"n": 3}]).ids


def test_the_ids_keep_their_source(make):
    with pytest.raises(IngestProblem, match="keep to that"):
        make([{"record_id": "a"}], base=make([{"n": 1}]))
    with pytest.raises(IngestProblem, match="keep to that"):
        make([{"id": "b", "x": "c"}], base=make([{"id": "a", "x": "b"}], id_field="id"), id_field="x")


def test_no_rows_can_be_appended(make):
    second = make("n\n", "data.csv", base=make([{"n": 1}]))
    assert second.rows == [{"n": 1}]


def test_rows_of_another_format_can_be_appended(make):
    assert make("n,m\n2,x\n", "data.csv", base=make([{"n": 1}])).rows == [{"n": 1}, {"n": 2, "m": "x"}]
