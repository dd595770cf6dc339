"""JSON of Arrow is JSON of the rows, by value, for mixed columns and without."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.delivery_data import RECORDS, present, records, table_of
from xase_server.delivery.lines import Lines
from xase_server.delivery.records import json_lines, json_records, json_values
from xase_server.query.schema import FLOAT, INT, JSON, STRING, ListOf, Struct, struct

PLAIN = Struct(tuple(each for each in RECORDS.members if each[1] != JSON))


def as_written(value):
    return json.loads(json.dumps(value, default=lambda moment: moment.isoformat(timespec="milliseconds")[:-6] + "Z"))


@given(found=records(), schema=st.sampled_from([RECORDS, PLAIN]), start=st.integers(0, 8))
def test_records_are_written_as_their_rows(found, schema, start):
    table = table_of([{name: row[name] for name, _ in schema.members} for row in found], schema).slice(start)
    wanted = as_written(present([{name: row[name] for name, _ in schema.members} for row in found[start:]]))
    assert json.loads(json_records(table, schema)) == wanted
    assert [json.loads(line) for line in json_lines(table, schema).splitlines()] == wanted


@given(found=records(), schema=st.sampled_from([RECORDS, PLAIN]), data=st.data())
def test_any_stretch_of_lines_is_what_its_rows_are_written_as(found, schema, data):
    table = table_of([{name: row[name] for name, _ in schema.members} for row in found], schema)
    lines = Lines(table, schema)
    assert len(lines) == len(found)
    if found:
        start = data.draw(st.integers(0, len(found) - 1))
        stop = data.draw(st.integers(start + 1, len(found)))
        assert b"[%b]" % lines.between(start, stop) == json_records(table.slice(start, stop - start), schema)


@given(
    found=st.lists(
        st.fixed_dictionaries(
            {
                "i": st.integers(-(2**63), 2**63 - 1),
                "f": st.floats(allow_nan=False, allow_infinity=False),
                "s": st.text(),
                "l": st.lists(st.text(), max_size=3),
                'nam"e\n é': st.text(max_size=3),
            }
        ),
        min_size=1,
    )
)
def test_every_text_and_number_is_exact(found):
    schema = struct({"i": INT, "f": FLOAT, "s": STRING, "l": ListOf(STRING), 'nam"e\n é': STRING})
    table = pa.Table.from_pylist(found)
    assert json.loads(json_records(table, schema)) == found
    mixed = table.append_column("m", pa.array(['{"a":1}'] * len(found)))
    with_mixed = Struct((*schema.members, ("m", JSON)))
    assert json.loads(json_records(mixed, with_mixed)) == [{**row, "m": {"a": 1}} for row in found]


@given(found=records())
def test_values_are_written_as_they_are(found):
    assert json.loads(json_values(found)) == as_written(found)
