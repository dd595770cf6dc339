"""JSON of rows, at the edges of every type."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.unit.delivery.test_shape import types_of
from xase_server.delivery.records import json_lines, json_records, json_values
from xase_server.query.schema import DATE, FLOAT, INT, JSON, STRING, ListOf, struct


def written(array, type_):
    return json.loads(json_records(pa.table({"v": array}), struct({"v": type_})))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "+02:00"])
def test_dates_of_every_unit_are_utc_to_the_millisecond(unit, zone):
    since_epoch = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit]
    array = pa.array([1_600_000_000 * since_epoch, None]).cast(pa.timestamp(unit, zone))
    assert written(array, DATE) == [{"v": "2020-09-13T12:26:40.000Z"}, {}]
    assert written(pa.array([[array[0].as_py()]], pa.list_(array.type)), ListOf(DATE)) == [
        {"v": ["2020-09-13T12:26:40.000Z"]}
    ]


def test_dates_before_1970_are_rounded_down():
    assert written(pa.array([-1]).cast(pa.timestamp("us")), DATE) == [{"v": "1969-12-31T23:59:59.999Z"}]
    assert written(pa.array([-1]).cast(pa.timestamp("ns", "UTC")), DATE) == [{"v": "1969-12-31T23:59:59.999Z"}]


def test_days_are_their_midnight():
    assert written(pa.array([0, 19_000], pa.date32()), DATE)[1] == {"v": "2022-01-08T00:00:00.000Z"}


def test_a_struct_without_members_that_are_there_is_empty_and_a_null_one_absent():
    type_ = struct({"a": INT, "b": STRING})
    array = pa.array([{"a": None, "b": None}, None, {"a": 1}], pa.struct([("a", pa.int64()), ("b", pa.string())]))
    assert written(array, type_) == [{"v": {}}, {}, {"v": {"a": 1}}]
    assert written(pa.array([{}, None], pa.struct([])), struct({})) == [{"v": {}}, {}]


def test_nulls_in_lists_stay():
    assert written(pa.array([[1, None], [None], [], None]), ListOf(INT)) == [
        {"v": [1, None]},
        {"v": [None]},
        {"v": []},
        {},
    ]


def test_what_is_not_a_number_is_null():
    assert written(pa.array([[float("nan"), float("inf"), 1.5]]), ListOf(FLOAT)) == [{"v": [None, None, 1.5]}]


def test_floats_of_single_precision_are_written_as_queries_see_them():
    assert written(pa.array([0.1], pa.float32()), FLOAT) == [{"v": 0.10000000149011612}]


def test_whole_numbers_are_exact():
    assert written(pa.array([2**64 - 1, 0], pa.uint64()), INT) == [{"v": 2**64 - 1}, {"v": 0}]
    assert written(pa.array([2**63 - 1, -(2**63)]), INT) == [{"v": 2**63 - 1}, {"v": -(2**63)}]


@pytest.mark.parametrize("type_", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_of_every_kind_are_written(type_):
    values = ['"\\\n\u0001\u2028é😀', "", None]
    assert written(pa.array(values).cast(type_), STRING) == [{"v": values[0]}, {"v": ""}, {}]


def test_mixed_columns_are_taken_over_as_they_stand():
    texts = ['{"a":12345678901234567890123}', "[1.50]", '"x"', None]
    assert json_lines(pa.table({"v": texts}), struct({"v": JSON})) == (
        b'{"v":{"a":12345678901234567890123}}\n{"v":[1.50]}\n{"v":"x"}\n{}\n'
    )


def test_a_slice_of_structs_in_structs_is_written():
    """arrow-rs loses its place in these; see `nesting.leaves`."""
    rows = [{"a": {"b": {"c": number, "l": [{"d": number}, None]}}} for number in range(40)]
    table = pa.table({"v": rows})
    types = struct({"v": types_of(table.schema.field("v").type)})
    for start in range(40):
        assert json.loads(json_records(table.slice(start, 3), types)) == [{"v": row} for row in rows[start : start + 3]]


def test_values_are_written_with_their_dates_and_nulls():
    moment = datetime(2024, 5, 6, 1, 2, 3, 4567, tzinfo=timezone(timedelta(hours=2)))
    row = {"_id": None, "when": moment, "parts": (1, MappingProxyType({"at": datetime(1970, 1, 1, tzinfo=UTC)}))}
    assert json_values([row]) == (
        b'[{"_id":null,"when":"2024-05-05T23:02:03.004Z","parts":[1,{"at":"1970-01-01T00:00:00.000Z"}]}]'
    )


def test_sums_beyond_64_bits_are_exact():
    assert json_values([{"n": 2**70, "s": "é", "d": datetime(1970, 1, 1, tzinfo=UTC)}]) == (
        '[{"n":1180591620717411303424,"s":"é","d":"1970-01-01T00:00:00.000Z"}]'.encode()
    )


def test_what_is_no_value_is_refused():
    with pytest.raises(TypeError):
        json_values([{"v": object()}])


def test_nested_patients_are_written_whole(shared):
    table = pyarrow.parquet.read_table(shared / "data" / "synthea_fhir_stu3" / "patients_nested.parquet")
    types = types_of(pa.struct(list(table.schema)))
    assert json.loads(json_records(table, types)) == [without_nulls(row) for row in table.to_pylist()]


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value
