"""Parquet and Arrow: every type has its form, or is refused by name; nothing they claim is believed."""

import datetime as dt
import struct
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xase_server.datasets import Bounds
from xase_server.ports.datasets import IngestProblem

NAMES = ["data.parquet", "data.arrow", "data.arrows"]
DAY = dt.datetime(2020, 2, 29, tzinfo=dt.UTC)


def one(array: Any) -> pa.Table:
    return pa.table({"x": array})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("array", "type_", "values"),
    [
        (pa.array([1, None], pa.int8()), "int", [1, None]),
        (pa.array([1, 2**32 - 1], pa.uint32()), "int", [1, 2**32 - 1]),
        (pa.array([2**63 - 1], pa.uint64()), "int", [2**63 - 1]),
        (pa.array([1.5, None], pa.float32()), "float", [1.5, None]),
        (pa.array([1.5], pa.float16()), "float", [1.5]),
        (pa.array([float("nan"), float("inf"), 2.0]), "float", [None, None, 2.0]),
        (pa.array([Decimal("1.25"), None]), "float", [1.25, None]),
        (pa.array([True, None]), "bool", [True, None]),
        (pa.array(["a", None, "ü"]), "string", ["a", None, "ü"]),
        (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), "string", ["a", None, "a"]),
        (pa.array([0, None], pa.timestamp("s")), "date", [dt.datetime(1970, 1, 1, tzinfo=dt.UTC), None]),
        (pa.array([DAY.replace(hour=1)], pa.timestamp("us", "Europe/Berlin")), "date", [DAY.replace(hour=1)]),
        (pa.array([-1], pa.timestamp("ns")), "date", [dt.datetime(1970, 1, 1, tzinfo=dt.UTC)]),
        (pa.array([DAY.date(), None]), "date", [DAY, None]),
        (pa.array([DAY.date()], pa.date64()), "date", [DAY]),
        (pa.array([dt.time(1, 2, 3)]), "string", ["01:02:03.000000"]),
        (pa.array([dt.timedelta(seconds=2), None], pa.duration("ms")), "string", ["2000 ms", None]),
        (pa.array([[1], None, []], pa.list_(pa.int32())), ["int"], [[1], None, []]),
        (pa.array([[1], None, []], pa.large_list(pa.int32())), ["int"], [[1], None, []]),
        (pa.array([[1, 2], None], pa.list_(pa.int32(), 2)), ["int"], [[1, 2], None]),
        (pa.array([[float("nan"), 1.0], None]), ["float"], [[None, 1.0], None]),
        (pa.array([{"a": 1, "b": None}, None]), {"a": "int", "b": "null"}, [{"a": 1}, None]),
        (pa.array([[{"a": 1.5}], [None]]), [{"a": "float"}], [[{"a": 1.5}], [None]]),
        (
            pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
            [{"key": "string", "value": "int"}],
            [[{"key": "k", "value": 1}], None, []],
        ),
        (pa.nulls(2), "null", [None, None]),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)
def test_every_type_has_its_form(make, array, type_, values, name):
    made = make(one(array), name)
    assert made.types == {"x": type_}
    assert [row.get("x") for row in made.rows] == values
    assert made.version.engine is not None


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (pa.array([b"x"]), "Column 1 holds binary values"),
        (pa.array([2**64 - 1], pa.uint64()), "Column 1 holds values that do not fit"),
        (pa.array([2**60], pa.timestamp("s")), "Column 1 holds values that do not fit"),
        (pa.array([253_402_300_800], pa.timestamp("s")), "Column 1 holds values that do not fit"),
    ],
    ids=str,
)
def test_what_has_no_form_is_refused_by_its_column(make, array, words):
    with pytest.raises(IngestProblem) as refused:
        make(one(array), "data.arrow")
    assert words in refused.value.message


def test_slices_with_hidden_values_keep_what_is_meant(make):
    lists = pa.array([[1.5], [2.5, float("nan")], None, [3.5]])
    table = pa.table({"l": lists, "s": pa.array([{"a": 1.5}, None, {"a": float("nan")}, {"a": 2.5}])}).slice(1, 3)
    made = make(table, "data.arrow")
    assert made.rows == [{"l": [2.5, None]}, {"s": {}}, {"l": [3.5], "s": {"a": 2.5}}]


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_with_columns_are_a_version(make, name):
    made = make(pa.table({"a": pa.array([], pa.int64())}), name)
    assert made.found.rows == 0
    assert made.types == {"a": "int"}


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_one_name_are_refused(make, name):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(IngestProblem):
        make(table, name)


@pytest.mark.parametrize("name", [*NAMES, "data.ndjson", "data.csv"])
def test_an_empty_file_is_refused(make, name):
    with pytest.raises(IngestProblem, match="empty"):
        make(b"", name)


def content(tmp_path, name):
    table = pa.table({"a": range(1000), "b": [f"text {n}" for n in range(1000)]})
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(table, path, row_group_size=300)
    else:
        with (pa.ipc.new_stream if name.endswith("s") else pa.ipc.new_file)(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=300)
    return path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_file_is_refused_wherever_it_was_cut(make, tmp_path, name):
    whole = content(tmp_path, name)
    for share in (0.02, 0.3, 0.7, 0.95):
        with pytest.raises(IngestProblem):
            make(whole[: int(len(whole) * share)], name)


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bytes_are_refused_or_change_a_value_but_never_crash(ingest, make, tmp_path, name):
    whole = bytearray(content(tmp_path, name))
    for at in range(8, len(whole), len(whole) // 5):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        with suppress(IngestProblem):
            ingest(bytes(damaged), name)
    assert ingest(bytes(whole), name).rows == 1000


def varint(number: int) -> bytes:
    """A number as the footer's encoding has it: zigzag, seven bits a byte."""
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_a_parquet_file_that_claims_a_million_million_rows_is_refused_at_once(make, tmp_path):
    pq.write_table(pa.table({"a": pa.nulls(1_000_003, pa.int64())}), tmp_path / "bomb.parquet")
    whole = (tmp_path / "bomb.parquet").read_bytes()
    body, footer = (
        whole[: -8 - int.from_bytes(whole[-8:-4], "little")],
        whole[-8 - int.from_bytes(whole[-8:-4], "little") : -8],
    )
    forged = footer.replace(varint(1_000_003), varint(10**12))
    assert forged != footer
    bomb = body + forged + struct.pack("<I", len(forged)) + b"PAR1"
    assert len(bomb) < 4000
    with pytest.raises(IngestProblem) as refused:
        make(bomb, "data.parquet")
    assert refused.value.too_large
    assert "1,000,000,000,000 rows" in refused.value.message


def test_a_million_columns_are_refused(ingest):
    table = pa.schema([(f"c{n}", pa.int8()) for n in range(100_000)]).empty_table()
    for name in ("data.arrow", "data.arrows"):
        with pytest.raises(IngestProblem) as refused:
            ingest(table, name)
        assert refused.value.too_large


def test_a_footer_longer_than_its_bound_is_not_read(make):
    footer = b"PAR1" + b"\0" * 2_000_000 + struct.pack("<I", 2_000_000) + b"PAR1"
    with pytest.raises(IngestProblem) as refused:
        make(footer, "data.parquet", bounds=Bounds(footer_bytes=1 << 20))
    assert refused.value.too_large


def test_compressed_and_foreign_files_are_named(make):
    for head, word in (
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"PARE", "encrypted"),
        (b"\xff\xfe{\0", "UTF-16"),
    ):
        with pytest.raises(IngestProblem, match=word):
            make(head + b"\0" * 100, "data.csv")
    with pytest.raises(IngestProblem, match="one object a line"):
        make('[{"a": 1}]', "data.json")
    with pytest.raises(IngestProblem, match="none of"):
        make(b"\x7fELF\0\0\0\0", "data.bin")


def test_the_content_decides_over_the_name(make, tmp_path):
    assert make(content(tmp_path, "data.parquet"), "data.csv").found.rows == 1000
    assert make('{"a": 1}\n', "data.csv").types == {"a": "int"}
    assert make("a;b\n1\n", "unnamed").types == {"a;b": "int"}
