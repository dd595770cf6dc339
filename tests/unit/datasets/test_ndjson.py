import datetime as dt
import json

import pytest

from xase_server.datasets import Bounds
from xase_server.ports.datasets import IngestProblem

SEED = {
    "record_id": "rec_a1b2c3",
    "patient_id": "p12345",
    "age": 57,
    "diagnosis": "diabetes",
    "symptoms": ["fatigue", "thirst", "blurred vision"],
    "treatments": ["insulin", "dietary changes"],
    "lab_results": {"glucose": 210, "a1c": 8.1},
}


def test_the_record_of_the_source_document_keeps_its_shape(make):
    made = make([SEED])
    assert made.whole == [SEED]
    assert made.found.id_field == "record_id"
    assert made.types["lab_results"] == {"glucose": "int", "a1c": "float"}
    assert made.types["symptoms"] == ["string"]


def test_integers_and_floats_in_one_column_are_floats(make):
    assert make([{"a": 1}, {"a": 2.5}]).types == {"a": "float"}


def test_a_big_integer_beside_a_float_loses_only_what_a_double_loses(make):
    assert make([{"a": 9007199254740993}, {"a": 0.5}]).rows == [{"a": 9007199254740992.0}, {"a": 0.5}]


@pytest.mark.parametrize(
    "values",
    [[1, "x"], [True, 1], [True, 1.5], [1.5, True], ["x", ["x"]], [{"b": 1}, 1], [{"b": 1}, [1]], [True, "x"]],
    ids=str,
)
def test_mixed_kinds_in_one_column_are_kept_as_json(make, values):
    made = make([{"a": each} for each in values])
    assert made.types == {"a": "json"}
    assert made.found.mixed == ("a",)
    assert [json.loads(row["a"]) for row in made.rows] == values


def test_a_boolean_among_the_floats_of_a_list_or_struct_is_seen(make):
    made = make([{"a": [1.5, True], "s": {"t": 0.5}, "ok": True}, {"s": {"t": False}}])
    assert made.types == {"a": ["json"], "s": {"t": "json"}, "ok": "bool"}
    assert made.found.mixed == ("a", "s.t")
    assert made.row(0)["a"] == ["1.5", "true"]


def test_json_text_is_canonical_and_without_null_members(make):
    made = make('{"a": {"z": 1, "b": null, "c": [null, {"y": null}]}}\n{"a": "text"}\n{"a": null}\n')
    assert [row.get("a") for row in made.rows] == ['{"c":[null,{}],"z":1}', '"text"', None]


def test_a_last_line_of_another_type_is_neither_lost_nor_fatal(make):
    made = make([{"a": n} for n in range(100_000)] + [{"a": "end"}])
    assert made.types == {"a": "json"}
    assert made.row(0) == {"a": "0"}
    assert made.row(-1) == {"a": '"end"'}


def test_a_column_that_begins_in_the_last_line_is_there_for_all(make):
    made = make([{"a": n} for n in range(70_000)] + [{"a": 1, "b": {"c": [1]}}])
    assert made.types == {"a": "int", "b": {"c": ["int"]}}
    assert made.row(-1) == {"a": 1, "b": {"c": [1]}}


def test_a_column_without_values_has_the_type_null(make):
    made = make([{"a": None, "b": [], "c": {"d": None}}])
    assert made.types == {"a": "null", "b": ["null"], "c": {"d": "null"}}
    assert made.version.engine is not None


def test_an_object_that_is_always_empty_is_kept_as_json(make):
    made = make([{"a": {}, "b": 1}, {"a": None, "b": 2}])
    assert made.types == {"a": "json", "b": "int"}
    assert made.rows == [{"a": "{}", "b": 1}, {"b": 2}]


def test_dates_are_marked_and_plain_strings_stay_strings(make):
    made = make([{"at": {"$date": "2025-01-15T14:32:00.123456+02:00"}, "text": "2025-01-15T14:32:00Z"}, {"at": None}])
    assert made.types == {"at": "date", "text": "string"}
    assert made.row(0)["at"] == dt.datetime(2025, 1, 15, 12, 32, 0, 123_000, dt.UTC)


def test_dates_below_structs_and_lists(make):
    made = make([{"s": {"at": [{"$date": "2025-01-15"}]}}])
    assert made.types == {"s": {"at": ["date"]}}
    assert made.rows == [{"s": {"at": [dt.datetime(2025, 1, 15, tzinfo=dt.UTC)]}}]


def test_a_date_beside_another_kind_is_json(make):
    made = make([{"a": {"$date": "2025-01-15T00:00:00Z"}}, {"a": "never"}])
    assert made.types == {"a": "json"}


def test_a_byte_order_mark_blank_lines_and_carriage_returns_are_passed_over(make):
    made = make(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"a": 2}')
    assert made.rows == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1}\n[1]\n', "Line 2 "),
        ('{"a": 1}\n\n"secret"\n', "Line 3 "),
        ('{"a": 1}\n{"a": secret}\n', "Line 2 "),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', "Line 2 "),
        ('{"a": {"b": 1, "\\u0062": 2}}\n', "Line 1 "),
        ('{"a:": 1, "a\\u003a": 2}\n', "Line 1 "),
        ('{"x": "\\u003a", "a": 1, "a": 2}\n', "Line 1 "),
        ('{"a": NaN}\n', "Line 1 "),
        ('{"a": 1}\n{"a": -Infinity}\n', "Line 2 "),
        ('{"a": 1e400}\n', "Line 1 "),
        ('{"a": 9223372036854775808}\n', "Line 1 "),
        ('{"a": 123456789012345678901234567890}\n', "Line 1 "),
        ('{"a": "\\ud800"}\n', "Line 1 "),
        ('{"a": 1} {"a": 2}\n', "Line 1 "),
        ('{"a": [1\n2]}\n', "Line 1 "),
    ],
    ids=str,
)
def test_what_is_not_one_object_a_line_is_refused_by_its_line(make, text, line):
    with pytest.raises(IngestProblem) as refused:
        make(text)
    assert line in refused.value.message
    assert "secret" not in refused.value.message


def test_long_numbers_within_strings_and_the_largest_integers_are_kept(make):
    rows = [{"a": "12345678901234567890", "b": 9223372036854775807, "c": -9223372036854775808}]
    assert make(rows).rows == rows


def test_colons_in_strings_are_no_names(make):
    rows = [{"a": ':"b": 1, "a": 2', "c:d": "::"}]
    assert make(rows).rows == rows


def test_depth_is_bounded(make):
    for depth in (33, 200, 5000):
        with pytest.raises(IngestProblem) as refused:
            make('{"a":' * depth + "1" + "}" * depth)
        assert refused.value.too_large
    assert make('{"a":' * 32 + "1" + "}" * 32).found.rows == 1


def test_a_line_without_end_is_refused_by_its_number(make):
    with pytest.raises(IngestProblem) as refused:
        make('{"a": 1}\n{"a": "' + "x" * 5_000_000, bounds=Bounds(line_bytes=1 << 20))
    assert refused.value.too_large
    assert "Line 2 " in refused.value.message


def test_another_name_in_every_line_is_too_many_columns(make):
    with pytest.raises(IngestProblem) as refused:
        make([{f"c{n}": 1} for n in range(10_001)])
    assert refused.value.too_large


@pytest.mark.parametrize(
    ("name", "reason"), [("a.b", "full stop"), ("$a", "begins with $"), ("", "is empty"), ("a\0b", "NUL")]
)
def test_names_that_no_path_could_say_are_refused_by_their_place(make, name, reason):
    with pytest.raises(IngestProblem, match="column 2") as refused:
        make([{"ok": 1, name: 2}])
    assert reason in refused.value.message
    with pytest.raises(IngestProblem, match="member 1 of column 1"):
        make([{"ok": {name: 2, "other": 1}}])


def test_names_that_differ_in_case_only_are_refused(make):
    with pytest.raises(IngestProblem, match="are the same"):
        make([{"Age": 1, "age": 2}])


def test_odd_names_are_names(make):
    rows = [{'a"b': 1, "ü ñ": "x", "with space": [1], "select": {'in"ner': True}, "a'b": None, "日本": 2.5}]
    made = make(rows)
    assert made.rows == [{name: value for name, value in rows[0].items() if value is not None}]


def test_a_file_without_records_is_refused(make):
    with pytest.raises(IngestProblem, match="no records"):
        make("\n\n", "data.ndjson")
