"""Data records: the same whether they came as JSON or as Arrow, and into every library from both."""

import pickle
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

import xase
from xase.models import Aggregation, Batch, DataRecord, Records

ROWS = [
    {"record_id": "rec_1", "age": 57, "lab_results": {"glucose": 210}, "symptoms": ["fatigue", None]},
    {"record_id": "rec_2", "lab_results": {"a1c": 8.5}, "is_smoker": True},
]


@pytest.fixture(params=["json", "arrow"])
def batch(request):
    if request.param == "json":
        return Batch(ROWS, batch_id="batch_1")
    return Batch(Batch(ROWS, batch_id="").to_arrow().combine_chunks().to_batches()[0], batch_id="batch_1")


def test_a_batch_is_a_sequence_of_records(batch):
    assert len(batch) == 2
    assert [record.to_dict() for record in batch] == batch.to_dicts() == ROWS
    assert batch[0] == batch[-2] == batch[:1][0] == ROWS[0]
    assert isinstance(batch[0], DataRecord)
    assert batch.record_ids == ["rec_1", "rec_2"]
    assert repr(batch) == "Batch(batch_1, 2 records)"
    with pytest.raises(IndexError):
        batch[2]


def test_a_record_is_read_by_attribute_and_by_item(batch):
    first, second = batch
    assert first.age == first["age"] == 57
    assert first.lab_results.glucose == first["lab_results"]["glucose"] == 210
    assert first.symptoms == ["fatigue", None]
    assert second.lab_results == {"a1c": 8.5}


def test_a_null_is_an_absent_field_that_says_so(batch):
    second = batch[1]
    assert "age" not in second
    assert second.get("age") is None
    with pytest.raises(AttributeError, match=r"no field 'age': it is null there.*record\.get\('age'\)"):
        second.age  # noqa: B018
    with pytest.raises(KeyError):
        second["age"]


def test_a_records_repr_shows_its_id_and_no_other_value(batch):
    assert repr(batch[0]) == "DataRecord(record_id='rec_1', age, lab_results, symptoms)"


def test_a_batch_survives_pickle(batch):
    again = pickle.loads(pickle.dumps(batch))
    assert (again.to_dicts(), again.batch_id) == (ROWS, "batch_1")


def test_a_batch_goes_into_every_library(batch):
    import polars as pl

    table = batch.to_arrow()
    assert table.column_names == ["record_id", "age", "lab_results", "symptoms", "is_smoker"]
    assert pa.table(batch) == table
    assert batch.to_pandas()["age"].to_list()[0] == 57
    assert batch.to_polars()["age"].to_list() == [57, None]
    assert pl.from_arrow(batch.to_arrow())["record_id"].to_list() == ["rec_1", "rec_2"]


def test_values_of_mixed_types_become_json_text():
    table = Records([{"record_id": "a", "x": 1}, {"record_id": "b", "x": "one"}, {"record_id": "c"}]).to_arrow()
    assert table["x"].to_pylist() == ["1", '"one"', None]


def test_results_of_a_pipeline_are_a_table_too():
    frame = Aggregation([{"_id": "a", "count": 2}, {"_id": None, "count": 1}]).to_pandas()
    assert frame["count"].sum() == 3


def test_no_rows_are_an_empty_table():
    assert Records([]).to_arrow().num_rows == 0


def test_arrow_values_read_as_json_would_have_brought_them():
    moment = datetime(2026, 1, 15, 18, 30, 0, 123456, UTC)
    columns = {
        "record_id": ["r"],
        "at": pa.array([moment], pa.timestamp("us", "UTC")),
        "local": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ms")),
        "day": [date(1969, 12, 31)],
        "price": [Decimal("1.50")],
        "unknown": [float("nan")],
        "nested": [[{"at": moment, "none": None}]],
    }
    (record,) = Batch(pa.record_batch(columns), batch_id="b")
    assert record == {
        "record_id": "r",
        "at": "2026-01-15T18:30:00.123Z",
        "local": "2026-01-15T18:30:00.123Z",
        "day": "1969-12-31T00:00:00.000Z",
        "price": 1.5,
        "nested": [{"at": "2026-01-15T18:30:00.123Z"}],
    }


def test_fields_of_mixed_types_are_read_as_what_they_hold():
    mixed = pa.field("x", pa.string(), metadata={"xase:type": "json"})
    schema = pa.schema([pa.field("record_id", pa.string()), mixed, pa.field("in", pa.list_(pa.struct([mixed])))])
    rows = [{"record_id": "a", "x": "1", "in": [{"x": '"one"'}, {"x": None}]}, {"record_id": "b", "x": "[null]"}]
    batch = Batch(pa.RecordBatch.from_pylist(rows, schema), batch_id="b")
    assert batch.to_dicts() == [
        {"record_id": "a", "x": 1, "in": [{"x": "one"}, {}]},
        {"record_id": "b", "x": [None]},
    ]


@pytest.mark.parametrize(
    ("module", "convert", "extra"),
    [
        ("pyarrow", Batch.to_arrow, r"xase\[arrow\]"),
        ("pandas", Batch.to_pandas, "pip install pandas"),
        ("polars", Batch.to_polars, "pip install polars"),
        ("torch", Batch.to_torch, r"xase\[torch\]"),
    ],
)
def test_what_is_not_installed_is_named_with_how_to_get_it(monkeypatch, module, convert, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(xase.ConfigurationError, match=extra):
        convert(Batch(ROWS, batch_id="b"))
