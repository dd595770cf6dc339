"""Every format gives the same version for the same content, and both stored forms hold the same rows."""

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files import write
from xase_server.datasets import Bounds, caches
from xase_server.datasets.digest import file_digest
from xase_server.datasets.folder import read_schema
from xase_server.datasets.ingest.job import Job, run
from xase_server.datasets.opened import OpenedVersion
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.query.parse import parse_find

COUNT = 139_999


@pytest.fixture(scope="module")
def table():
    """More rows than a row group takes."""
    numbers = np.arange(1, COUNT + 1)
    names = [f"n{number}" for number in numbers]
    return pa.table({"name": names, "age": numbers, "weight": numbers / 4, "ok": numbers % 2 == 0})


def test_every_format_gives_the_same_bytes(make, table):
    rows = [(n, n / 4, "false" if n % 2 else "true") for n in range(1, COUNT + 1)]
    csv = "".join(f"n{n},{n},{weight},{ok}\n" for n, weight, ok in rows)
    json = "".join(f'{{"name": "n{n}", "age": {n}, "weight": {weight}, "ok": {ok}}}\n' for n, weight, ok in rows)
    sources = {"a.ndjson": json, "a.csv": f"name,age,weight,ok\n{csv}"} | dict.fromkeys(
        ["a.parquet", "a.arrow", "a.arrows"], table
    )
    found = [make(content, name).found for name, content in sources.items()]
    assert len({each.digest for each in found}) == 1
    assert {each.rows for each in found} == {COUNT}


def test_another_value_is_another_digest(make):
    assert make([{"a": 1}]).found.digest != make([{"a": 2}]).found.digest


def test_the_digest_covers_every_byte_of_the_file(make):
    made = make([{"a": n} for n in range(10)])
    file = made.folder / "data.parquet"
    metadata, whole = pq.read_metadata(file), file.read_bytes()
    assert file_digest(file, metadata) == made.found.digest
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert file_digest(file, metadata) != made.found.digest


def test_row_groups_and_batches_are_cut_alike(make, table):
    made = make(table, "a.parquet")
    metadata = pq.read_metadata(made.folder / "data.parquet")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [131_072, COUNT - 131_072]
    assert [batch.num_rows for batch in made.version.all_rows().batches()] == [65_536, 65_536, COUNT - 131_072]


def test_the_number_of_a_record_is_its_row_in_the_database(make, table):
    version = make(table, "a.parquet").version
    filters = [{"age": {"$gte": 139_000}}, {"name": {"$in": ["n1", "n70000"]}}, {"age": {"$mod": [9999, 1]}}]
    for filter in filters:
        numbers = list(version.engine.numbers(parse_find({"filter": filter}, version.schema)))
        rows = [row["age"] for row in version.take(pa.array(numbers).to_numpy()).to_pylist()]
        assert numbers == [age - 1 for age in rows]
        assert numbers


NAMES = st.sampled_from(["a", "b", 'c"d', "ü x", "select", "Z'"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), min_size=1, max_size=12)


def plain(value: Any, type_: dict[str, Any]) -> Any:
    """A stored value as it was written: JSON decoded, nulls absent."""
    if value is None:
        return None
    if type_["type"] == "json":
        return json.loads(value)
    if type_["type"] == "list":
        return [plain(each, type_["element"]) for each in value]
    if type_["type"] == "struct":
        return {m["name"]: plain(value[m["name"]], m) for m in type_["members"] if value[m["name"]] is not None}
    return value


def same(left: Any, right: Any) -> bool:
    """Equality up to null members and the doubles that integers became."""
    if isinstance(left, dict) and isinstance(right, dict):
        left, right = ({k: v for k, v in each.items() if v is not None} for each in (left, right))
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) and isinstance(right, int | float):
        return left == float(right) or math.isclose(left, right, rel_tol=1e-15)
    return type(left) is type(right) and left == right


@settings(max_examples=60)
@given(ROWS)
def test_whatever_is_written_as_ndjson_is_what_is_stored(rows):
    with TemporaryDirectory() as name:
        folder = Path(name) / "version"
        folder.mkdir()
        source = write(Path(name) / "data.ndjson", rows)
        job = Job(
            source=str(source),
            folder=str(folder),
            dataset_id="d",
            format=None,
            id_field=None,
            base=None,
            bounds=Bounds(),
        )
        found = run(job, lambda rows, size: None)
        schema = read_schema(found)
        caches.build_database(folder, schema, build_database)
        version = OpenedVersion(folder, schema, open_engine)
        stored = version.slice(0, version.rows).to_pylist()
        whole = {"type": "struct", "members": list(found.schema)}
        for written, row in zip(rows, stored, strict=True):
            assert same(plain({k: v for k, v in row.items() if k != "record_id"} | {"record_id": None}, whole), written)
        version.close()


@pytest.mark.slow
def test_wide_rows_are_kept_in_order_by_small_row_groups(make):
    lists = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 9_000_001, 3_000), pa.int32()), pa.array(np.arange(9_000_000))
    )
    made = make(pa.table({"n": range(3000), "l": lists}), "wide.parquet")
    version = made.version
    assert version.rows == 3000
    assert list(version.engine.numbers(parse_find({"filter": {"l": 8_999_999}}, version.schema))) == [2999]
    assert list(version.engine.numbers(parse_find({"filter": {"n": {"$lt": 3}}}, version.schema))) == [0, 1, 2]
    assert sorted(each.name for each in made.folder.iterdir()) == [
        "caches.json", "codes.bin", "data.parquet", "found.json", "ids.bin", "records.duckdb", "rows.arrow",
        "values.arrow",
    ]  # fmt: skip
