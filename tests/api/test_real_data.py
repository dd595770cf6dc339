"""Real, openly licensed data through the API, against answers computed without any of our code."""

import importlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
import pytest

from tests.api.sessions import open_session

PARQUET = {"content-type": "application/vnd.apache.parquet"}
ARROW = {"accept": "application/vnd.apache.arrow.stream"}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def pl():
    """Polars, which every worker would else import to collect these tests."""
    return importlib.import_module("polars")


@pytest.fixture(scope="module")
def opened():
    """File → the address of a session on it: each file is sent once."""
    return {}


@pytest.fixture
def data(shared: Path) -> Path:
    return shared / "data"


async def session_on(client, opened: dict[Path, str], file: Path, **fields: Any) -> str:
    if file not in opened:
        name = file.stem.replace("_", "-")
        made = (await client.post("/v1/datasets", json={"name": name, **fields})).json()["dataset_id"]
        sent = await client.put(
            f"/v1/datasets/{made}/data", content=await anyio.Path(file).read_bytes(), headers=PARQUET, timeout=120
        )
        while sent.json()["status"] == "PROCESSING":
            sent = await client.get(f"/v1/datasets/{made}")
        assert sent.json()["status"] == "READY", sent.text
        opened[file] = f"/v1/sessions/{await open_session(client, made)}"
    return opened[file]


async def matched(client, session: str, filter_: dict[str, Any]) -> int:
    answer = await client.post(f"{session}/filter", json={"filter": filter_, "limit": 1})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total_matched"])


async def results(client, session: str, *pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post(f"{session}/aggregate", json={"pipeline": list(pipeline)})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


# ---------------------------------------------------------------------------- 101,766 hospital encounters


@pytest.fixture
def diabetes(data):
    return data / "uci_diabetes130" / "diabetes130.parquet"


@pytest.fixture
async def encounters(client, opened, diabetes):
    return await session_on(client, opened, diabetes, id_field="encounter_id")


async def test_every_encounter_arrives_once_and_unchanged(pl, client, encounters, diabetes):
    answer = await client.get(f"{encounters}/stream", headers=ARROW, timeout=60)
    table = pl.from_arrow(pa.ipc.open_stream(io.BytesIO(answer.content)).read_all())
    assert isinstance(table, pl.DataFrame)
    truth = pl.read_parquet(diabetes)
    assert table["record_id"].to_list() == truth["encounter_id"].cast(pl.String).to_list()
    assert table.drop("record_id").equals(truth)


async def test_encounters_are_counted_as_polars_counts_them(pl, client, encounters, diabetes):
    truth = pl.scan_parquet(diabetes)
    cases = [
        (
            {"time_in_hospital": {"$gte": 10}, "readmitted": "<30"},
            (pl.col("time_in_hospital") >= 10) & (pl.col("readmitted") == "<30"),
        ),
        ({"race": None}, pl.col("race").is_null()),
        ({"race": {"$ne": "Caucasian"}}, (pl.col("race") != "Caucasian").fill_null(value=True)),
        ({"diag_1": {"$regex": "^250"}}, pl.col("diag_1").str.starts_with("250").fill_null(value=False)),
        (
            {"$or": [{"insulin": "Up"}, {"num_medications": {"$gt": 40}}], "gender": "Female"},
            ((pl.col("insulin") == "Up") | (pl.col("num_medications") > 40)) & (pl.col("gender") == "Female"),
        ),
        ({"age": {"$in": ["[50-60)", "[60-70)"]}}, pl.col("age").is_in(["[50-60)", "[60-70)"])),
    ]
    for filter_, expression in cases:
        expected = truth.filter(expression).select(pl.len()).collect().item()
        assert await matched(client, encounters, filter_) == expected, filter_


async def test_encounters_are_grouped_as_polars_groups_them(pl, client, encounters, diabetes):
    group = {
        "_id": "$age",
        "n": {"$sum": 1},
        "days": {"$avg": "$time_in_hospital"},
        "most": {"$max": "$num_medications"},
    }
    found = {row["_id"]: row for row in await results(client, encounters, {"$group": group})}
    truth = (
        pl.read_parquet(diabetes)
        .group_by("age")
        .agg(
            pl.len().alias("n"),
            pl.col("time_in_hospital").mean().alias("days"),
            pl.col("num_medications").max().alias("most"),
        )
    )
    assert len(found) == len(truth)
    for row in truth.iter_rows(named=True):
        assert found[row["age"]]["n"] == row["n"]
        assert found[row["age"]]["days"] == pytest.approx(row["days"])
        assert found[row["age"]]["most"] == row["most"]


async def test_encounters_sort_as_polars_sorts_them(pl, client, encounters, diabetes):
    wish = {"sort": {"num_medications": -1, "encounter_id": 1}, "fields": ["encounter_id"], "limit": 1000}
    found = [row["encounter_id"] for row in (await client.post(f"{encounters}/filter", json=wish)).json()["records"]]
    truth = pl.read_parquet(diabetes).sort(["num_medications", "encounter_id"], descending=[True, False])
    assert found == truth["encounter_id"].head(1000).to_list()


async def test_one_encounter_is_found_by_its_id(pl, client, encounters, diabetes):
    row = pl.read_parquet(diabetes).row(77_777, named=True)
    answer = await client.get(f"{encounters}/records/{row['encounter_id']}")
    expected = {name: value for name, value in row.items() if value is not None}
    assert answer.json() == {"record_id": str(row["encounter_id"]), **expected}


# ---------------------------------------------------------------------------- patients, deeply nested


@pytest.fixture
def synthea(data):
    return data / "synthea_fhir_stu3" / "patients_nested.parquet"


@pytest.fixture
async def patients(client, opened, synthea):
    return await session_on(client, opened, synthea, id_field="patient_id")


@pytest.fixture
def people(pl, synthea):
    return pl.read_parquet(synthea).to_dicts()


async def test_patients_are_found_through_lists_and_structs(client, patients, people):
    def labs(person: dict[str, Any], name: str) -> float | None:
        value: float | None = (person["lab_results"] or {}).get(name)
        return value

    cases = [
        ({"lab_results.glucose": {"$gte": 100}}, lambda p: (labs(p, "glucose") or 0) >= 100),
        ({"lab_results.a1c": {"$exists": True}}, lambda p: labs(p, "a1c") is not None),
        ({"diagnoses": {"$size": 3}}, lambda p: p["diagnoses"] is not None and len(p["diagnoses"]) == 3),
        (
            {"conditions.display": {"$regex": "Diabetes"}},
            lambda p: any("Diabetes" in (c["display"] or "") for c in p["conditions"] or ()),
        ),
        (
            {"encounters": {"$not": {"$elemMatch": {"class": "emergency"}}}},
            lambda p: not any(e["class"] == "emergency" for e in p["encounters"] or ()),
        ),
        ({"medications.0": {"$exists": True}}, lambda p: bool(p["medications"])),
    ]
    for filter_, holds in cases:
        assert await matched(client, patients, filter_) == sum(map(holds, people)), filter_


async def test_conditions_are_counted_across_patients(client, patients, people):
    found = await results(
        client,
        patients,
        {"$unwind": "$conditions"},
        {"$group": {"_id": "$conditions.display", "n": {"$sum": 1}}},
        {"$sort": {"n": -1, "_id": 1}},
        {"$limit": 20},
    )
    counts = Counter(each["display"] for person in people for each in person["conditions"] or ())
    expected = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    assert [(row["_id"], row["n"]) for row in found] == expected


async def test_a_nested_patient_comes_back_whole(client, patients, people):
    person = people[700]
    answer = (await client.get(f"{patients}/records/{person['patient_id']}")).json()
    assert answer["conditions"] == without_nulls(person["conditions"])
    assert answer["lab_results"] == without_nulls(person["lab_results"])
    assert answer["address"] == without_nulls(person["address"])


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------------- loans


async def test_mortgages_are_averaged_as_polars_averages_them(pl, client, opened, data):
    file = data / "hmda2018_sample" / "hmda2018_sample.parquet"
    session = await session_on(client, opened, file)
    group = {
        "_id": "$high_priced",
        "n": {"$sum": 1},
        "income": {"$avg": "$income"},
        "sd": {"$stdDevSamp": "$loan_amount"},
    }
    found = {row["_id"]: row for row in await results(client, session, {"$group": group})}
    truth = (
        pl.read_parquet(file)
        .fill_nan(None)
        .group_by("high_priced")
        .agg(pl.len().alias("n"), pl.col("income").mean().alias("income"), pl.col("loan_amount").std().alias("sd"))
    )
    for row in truth.iter_rows(named=True):
        assert found[row["high_priced"]]["n"] == row["n"]
        assert found[row["high_priced"]]["income"] == pytest.approx(row["income"])
        assert found[row["high_priced"]]["sd"] == pytest.approx(row["sd"])


async def test_credit_applicants_are_bucketed(pl, client, opened, data):
    file = data / "german_credit" / "german_credit.parquet"
    session = await session_on(client, opened, file)
    bucket = {
        "groupBy": "$age",
        "boundaries": [18, 30, 45, 100],
        "output": {"n": {"$sum": 1}, "bad": {"$sum": {"$cond": [{"$eq": ["$class", 2]}, 1, 0]}}},
    }
    found = [(row["_id"], row["n"], row["bad"]) for row in await results(client, session, {"$bucket": bucket})]
    rows = pl.read_parquet(file).to_dicts()
    expected = [
        (
            low,
            len(inside := [row for row in rows if low <= row["age"] < high]),
            sum(row["class"] == 2 for row in inside),
        )
        for low, high in ((18, 30), (30, 45), (45, 100))
    ]
    assert found == expected
