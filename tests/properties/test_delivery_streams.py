"""Every bulk form gives back the rows that went in, however they are cut."""

import csv
import io
import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.delivery_data import RECORDS, present, records, table_of
from xase_server.delivery.exact import exact
from xase_server.delivery.rows import rows_of
from xase_server.delivery.wire import BULK

ARROW, NDJSON, CSV = BULK
CUTS = st.integers(0, 8)


def streamed(media_type, table, cut):
    encoder = BULK[media_type](table.schema, RECORDS)
    parts = (table.slice(0, cut), table.slice(cut))
    return b"".join([*(chunk for part in parts for chunk in encoder.batch(part, {})), encoder.end()])


@given(found=records(), cut=CUTS)
def test_an_arrow_stream_has_the_rows(found, cut):
    read = pa.ipc.open_stream(streamed(ARROW, table_of(found), cut)).read_all()
    read.validate(full=True)
    assert rows_of(read, RECORDS) == present(found)


@given(found=records(), start=CUTS, length=CUTS)
def test_exact_arrays_have_the_same_values(found, start, length):
    for column in table_of(found).combine_chunks().slice(start, length).columns:
        for array in column.chunks:
            own = exact(array)
            own.validate(full=True)
            assert own.to_pylist() == array.to_pylist()


@given(found=records(), cut=CUTS)
def test_lines_have_the_rows(found, cut):
    table = table_of(found)
    lines = [json.loads(line) for line in streamed(NDJSON, table, cut).splitlines()]
    read = list(csv.DictReader(io.StringIO(streamed(CSV, table, cut).decode(), newline="")))
    assert [line["record_id"] for line in lines] == [row["record_id"] for row in found]
    for line, row in zip(lines, read, strict=True):
        assert row["s"] == line.get("s", "")
        for name in ("li", "lo", "o", "m"):
            assert (json.loads(row[name]) if row[name] else None) == line.get(name)
