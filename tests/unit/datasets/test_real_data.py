"""Openly licensed data as it is found in the world."""

import json

import pyarrow.parquet as pq
import pytest

from tests.unit.datasets.conftest import present
from xase_server.query.parse import parse_filter, parse_pipeline


@pytest.fixture(scope="session")
def data(shared):
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip("shared/data with real data sets is not beside this repository")
    return folder


@pytest.mark.slow
def test_a_hundred_thousand_encounters(ingest, library, data):
    source = data / "uci_diabetes130" / "diabetes130.parquet"
    found = ingest(source, id_field="encounter_id")
    original = pq.read_table(source)
    assert found.rows == 101_766
    assert [column["name"] for column in found.schema] == ["record_id", *original.column_names]
    version = library.open("ds_test", 1)
    assert (
        version.slice(50_000, 50_100).drop_columns("record_id").to_pylist() == original.slice(50_000, 100).to_pylist()
    )
    last = str(original.column("encounter_id")[-1])
    assert version.number_of(last) == 101_765
    assert version.engine.count(parse_filter({"time_in_hospital": {"$gte": 14}}, version.schema)) == 1042
    profile = library.profile("ds_test", 1)["fields"]
    assert profile["time_in_hospital"]["min"] == 1
    assert profile["time_in_hospital"]["max"] == 14
    assert profile["weight"]["nulls"] == original.column("weight").null_count
    assert profile["patient_nbr"]["distinct"] == pytest.approx(71_518, rel=0.06)


def test_nested_patients_are_the_same_from_parquet_and_ndjson(make, data):
    folder = data / "synthea_fhir_stu3"
    lines = (folder / "patients_sample20.ndjson").read_text().splitlines()
    made = make(folder / "patients_sample20.ndjson", id_field="patient_id")
    assert made.rows == [present(json.loads(line)) for line in lines]
    whole = make(folder / "patients_nested.parquet", id_field="patient_id")
    assert whole.found.rows == 1461
    by_id = {row["patient_id"]: row for row in whole.rows}
    assert [by_id[row["patient_id"]] for row in made.rows] == made.rows
    version = whole.version
    assert version.engine.count(parse_filter({"lab_results.glucose": {"$exists": True}}, version.schema)) == 324
    pipeline = parse_pipeline([{"$unwind": "$observations"}, {"$count": "n"}], version.schema)
    assert version.engine.aggregate(pipeline) == [{"n": 74_805}]


@pytest.mark.parametrize(
    ("file", "rows", "columns"),
    [("hmda2018_sample/hmda2018_sample.parquet", 39_662, 22), ("german_credit/german_credit.parquet", 1000, 21)],
)
def test_tables_without_ids_get_some(make, data, file, rows, columns):
    made = make(data / file)
    assert made.found.rows == rows
    assert len(made.found.schema) == columns + 1
    assert len(set(made.ids)) == rows
    table = pq.read_table(data / file)
    assert made.row(rows // 2) == present(table.slice(rows // 2, 1).to_pylist()[0])


def test_a_table_is_the_same_from_csv(make, data, tmp_path):
    table = pq.read_table(data / "german_credit" / "german_credit.parquet")
    text = ",".join(table.column_names) + "\n"
    text += "".join(",".join("" if v is None else str(v) for v in row.values()) + "\n" for row in table.to_pylist())
    assert make(text, "credit.csv").found.digest == make(table, "credit.parquet").found.digest
