"""The streams of bulk answers: what a reader of each format finds in them."""

import csv
import io
import json

import pyarrow as pa
import pytest

from tests.unit.delivery.test_shape import SCHEMA, TABLE
from xase_server.delivery.arrow import ArrowStream
from xase_server.delivery.chunks import LEAST, MOST, gathered, row_groups
from xase_server.delivery.exact import exact
from xase_server.delivery.wire import BULK, JSON_PAGE, chosen, zstd_frames
from xase_server.query.schema import DATE, FLOAT, INT, JSON, STRING, ListOf, struct

ARROW, NDJSON, CSV = BULK


def streamed(media_type, *tables, types=SCHEMA):
    encoder = BULK[media_type](tables[0].schema, types)
    found = [chunk for number, table in enumerate(tables) for chunk in encoder.batch(table, {"batch_id": f"b{number}"})]
    return b"".join([*found, encoder.end()])


def test_arrow_batches_carry_their_metadata():
    reader = pa.ipc.open_stream(streamed(ARROW, TABLE, TABLE.slice(1)))
    found = [reader.read_next_batch_with_custom_metadata() for _ in range(2)]
    assert [each.custom_metadata for each in found] == [{b"batch_id": b"b0"}, {b"batch_id": b"b1"}]
    assert [each.batch.to_pylist() for each in found] == [TABLE.to_pylist(), TABLE.slice(1).to_pylist()]
    with pytest.raises(StopIteration):
        reader.read_next_batch()


def test_arrow_marks_json_and_leaves_other_metadata_behind():
    nested = pa.table({"l": pa.array([["{}"]]), "s": pa.array([{"m": "1"}])}).replace_schema_metadata({"pandas": "x"})
    types = struct({"l": ListOf(JSON), "s": struct({"m": JSON})})
    schema = pa.ipc.open_stream(streamed(ARROW, nested, types=types)).schema
    assert not schema.metadata
    assert schema.field("l").type.value_field.metadata == {b"xase:type": b"json"}
    assert schema.field("s").type.field(0).metadata == {b"xase:type": b"json"}


def test_an_arrow_stream_without_batches_is_its_schema():
    encoder = ArrowStream(TABLE.schema, SCHEMA)
    assert pa.ipc.open_stream(encoder.end()).read_all().schema.names == TABLE.schema.names


def test_a_compressed_arrow_stream_is_read_without_being_told():
    encoder = ArrowStream(TABLE.schema, SCHEMA, "zstd")
    data = b"".join([*encoder.batch(TABLE, {}), encoder.end()])
    assert pa.ipc.open_stream(data).read_all().to_pylist() == TABLE.to_pylist()


def test_tables_of_several_chunks_are_one_record_batch():
    table = pa.concat_tables([TABLE, TABLE.slice(1)])
    assert [each.num_rows for each in pa.ipc.open_stream(streamed(ARROW, table))] == [3]


@pytest.mark.parametrize("start", [0, 1, 3, 8, 16])
@pytest.mark.parametrize("length", [0, 1, 5, 8, 9])
def test_no_value_of_a_neighbouring_row_is_in_an_arrow_stream(start, length):
    other = 0x5952414E4143  # CANARY, as eight bytes of a number
    own = range(start, start + length)
    rows = [
        {
            "i": 1 if n in own else other,
            "s": "own" if n in own else "CANARY",
            "l": [1] if n in own else [other],
            "o": {"s": "own" if n in own else "CANARY", "t": None if n % 2 else "" if n in own else "CANARY"},
        }
        for n in range(40)
    ]
    table = pa.Table.from_pylist(rows)
    types = struct({"i": INT, "s": STRING, "l": ListOf(INT), "o": struct({"s": STRING, "t": STRING})})
    assert b"CANARY" not in streamed(ARROW, table.slice(start, length), types=types)


def test_no_bit_of_a_neighbouring_row_is_in_an_exact_array():
    array = pa.array([True, None] * 40)
    for start in range(20):
        for length in range(20):
            found = exact(array.slice(start, length))
            assert found.equals(array.slice(start, length))
            for buffer in filter(None, found.buffers()):
                assert int.from_bytes(buffer.to_pybytes(), "little") >> length == 0


def test_no_value_below_a_null_is_in_an_arrow_stream():
    other = 0x5952414E4143  # CANARY, as eight bytes of a number
    numbers, texts = pa.array([other] * 16), pa.array(["CANARY"] * 16)
    lists = pa.ListArray.from_arrays(pa.array(range(17), pa.int32()), numbers)
    structs = pa.StructArray.from_arrays([numbers, texts, lists], names=["i", "s", "l"])
    hidden = {name: without(array) for name, array in {"i": numbers, "s": texts, "l": lists, "o": structs}.items()}
    types = struct({"i": INT, "s": STRING, "l": ListOf(INT)})
    table = pa.table(hidden)
    data = streamed(ARROW, table, types=struct({**dict(types.members), "o": types}))
    assert b"CANARY" not in data
    assert pa.ipc.open_stream(data).read_all().equals(table)


def without(array):
    """The array with all values null, and all of them still there."""
    children = (
        [array.field(place) for place in range(array.type.num_fields)] if pa.types.is_struct(array.type) else None
    )
    if pa.types.is_list(array.type):
        children = [array.values]
    own = array.buffers()[1:3] if pa.types.is_string(array.type) else array.buffers()[1:2]
    kept = [] if pa.types.is_struct(array.type) else own
    return pa.Array.from_buffers(array.type, len(array), [pa.py_buffer(bytes(2)), *kept], children=children)


def test_values_in_their_extent_are_not_copied():
    array = pa.array(range(64))
    assert exact(array.slice(8)).buffers()[1].address == array.buffers()[1].address + 64


def test_ndjson_is_a_record_in_every_line():
    lines = streamed(NDJSON, TABLE, TABLE.slice(1)).splitlines()
    assert [json.loads(line)["record_id"] for line in lines] == ["rec_1", "rec_2", "rec_2"]


def test_csv_has_one_header_and_nested_values_as_json():
    text = streamed(CSV, TABLE, TABLE.slice(1)).decode()
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["record_id"] for row in found] == ["rec_1", "rec_2", "rec_2"]
    assert json.loads(found[0]["lab"]) == {"glucose": 210, "a1c": 8.1}
    assert json.loads(found[0]["visits"]) == [{"code": "c1", "note": "CANARY"}, None]
    assert found[0]["extra"] == '{"a":{"b":1,"c":2}}'
    assert (found[1]["tags"], found[1]["visits"], found[1]["age"]) == ("", "[]", "")


def test_csv_quotes_texts_and_tells_the_empty_from_the_missing():
    table = pa.table(
        {"s": ['a"b,\nc', "", None], "d": pa.array([0, None, 1], pa.timestamp("ms", "UTC")), "f": [0.1, 1e22, None]}
    )
    types = struct({"s": STRING, "d": DATE, "f": FLOAT})
    assert streamed(CSV, table, types=types).decode() == (
        '"s","d","f"\n"a""b,\nc","1970-01-01T00:00:00.000Z",0.1\n"",,1e+22\n,"1970-01-01T00:00:00.001Z",\n'
    )


def test_csv_without_rows_is_its_header():
    assert streamed(CSV, TABLE.slice(0, 0)).decode().startswith('"record_id","age"')


def test_short_pieces_are_put_together_and_long_ones_handed_on():
    pieces = [b"x" * size for size in (1, 2, 0, LEAST, 3 * MOST + 5, 7, LEAST - 1, 9, 9)]
    chunks = list(gathered(pieces))
    assert b"".join(chunks) == b"".join(pieces)
    assert [len(chunk) for chunk in chunks] == [3, LEAST, MOST, MOST, MOST, 5, LEAST + 6, 18]
    assert list(gathered([b""])) == [b""]


def test_long_tables_are_written_in_parts():
    table = pa.table({"s": ["x" * 1000] * 3000})
    parts = list(row_groups(table))
    assert pa.concat_tables(parts).equals(table)
    assert max(part.nbytes for part in parts) <= MOST


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON_PAGE),
        ("*/*", JSON_PAGE),
        ("application/*", JSON_PAGE),
        ("text/*", CSV),
        ("Text/CSV ; q=0.5, application/json;q=0.1", CSV),
        ("application/x-ndjson, */*;q=0.1", NDJSON),
        ("application/json;q=0, */*", ARROW),
        ("image/png", None),
        ("text/csv;q=0", None),
        ("text/csv;q=many", None),
    ],
)
def test_the_best_accepted_form_is_chosen(accept, media_type):
    assert chosen(accept) == media_type


def test_zstd_frames_are_one_body():
    body = b"".join(zstd_frames([b"one ", b"", b"two"]))
    assert pa.CompressedInputStream(pa.BufferReader(body), "zstd").read() == b"one two"
