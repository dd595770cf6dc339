"""What may leave: only permitted members, and nothing of what lies beside them in memory."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.sight import only
from xase_server.delivery.rows import rows_of
from xase_server.delivery.shape import MAX_COMPUTED_ROWS, shape_of
from xase_server.query.limits import DEFAULTS
from xase_server.query.parse.finds import parse_fields
from xase_server.query.parse.projections import ProjectionReader
from xase_server.query.parse.reading import Place, Reading
from xase_server.query.projection import EVERYTHING
from xase_server.query.schema import FLOAT, INT, JSON, STRING, ListOf, Struct, struct

SCHEMA = struct(
    {
        "record_id": STRING,
        "age": INT,
        "name": STRING,
        "tags": ListOf(STRING),
        "lab": struct({"glucose": INT, "a1c": FLOAT}),
        "visits": ListOf(struct({"code": STRING, "note": STRING})),
        "extra": JSON,
    }
)
TABLE = pa.Table.from_pylist(
    [
        {
            "record_id": "rec_1",
            "age": 57,
            "name": "CANARY",
            "tags": ["a", None],
            "lab": {"glucose": 210, "a1c": 8.1},
            "visits": [{"code": "c1", "note": "CANARY"}, None],
            "extra": '{"a":{"b":1,"c":2}}',
        },
        {"record_id": "rec_2", "lab": {"a1c": None}, "visits": [], "extra": "[1,2]"},
    ]
).replace_schema_metadata({"pandas": "CANARY"})


def left(fields, permitted=SCHEMA):
    shape = shape_of(parse_fields(fields, permitted)[0], permitted)
    return rows_of(shape.apply(TABLE.select(shape.columns)), shape.types)


def test_nothing_asked_gives_all_that_is_permitted():
    permitted = only(SCHEMA, ["record_id", "age", "lab.a1c", "visits.code"])
    shape = shape_of(EVERYTHING, permitted)
    assert shape.columns == ("record_id", "age", "lab", "visits")
    assert shape.fields == ("age", "lab.a1c", "record_id", "visits.code")
    assert left(None, permitted) == [
        {"record_id": "rec_1", "age": 57, "lab": {"a1c": 8.1}, "visits": [{"code": "c1"}, None]},
        {"record_id": "rec_2", "lab": {}, "visits": []},
    ]


def test_the_record_id_is_always_first():
    assert list(left(["age"])[0]) == ["record_id", "age"]
    assert list(left([])[0]) == ["record_id"]
    assert next(iter(left({"record_id": 0, "lab": 0})[0])) == "record_id"
    sliced = shape_of(parse_fields({"tags": {"$slice": 1}, "record_id": 1}, SCHEMA)[0], SCHEMA)
    assert sliced.rows(TABLE) == [{"record_id": "rec_1", "tags": ["a"]}, {"record_id": "rec_2"}]
    assert next(iter(sliced.rows(TABLE)[0])) == "record_id"


def test_what_is_not_permitted_is_as_if_it_were_not_there():
    permitted = only(SCHEMA, ["record_id", "lab.a1c"])
    assert left(["name", "lab.glucose", "nowhere"], permitted) == left(["nothing", "lab.nothing", "nowhere"], permitted)


def test_a_struct_of_which_no_member_is_left_leaves_its_presence():
    shape = shape_of(parse_fields(["lab.nothing"], SCHEMA)[0], SCHEMA)
    assert shape.fields == ("lab", "record_id")
    assert left(["lab.nothing"]) == [{"record_id": "rec_1", "lab": {}}, {"record_id": "rec_2", "lab": {}}]


def test_what_is_asked_below_a_scalar_gives_nothing():
    assert left(["age.x", "tags.x", "tags.0"]) == [{"record_id": "rec_1"}, {"record_id": "rec_2"}]


def test_mixed_columns_are_projected_by_value():
    assert left(["extra.a.b"])[0] == {"record_id": "rec_1", "extra": {"a": {"b": 1}}}
    assert left({"extra.a.b": 0, "lab": 0, "visits": 0})[0]["extra"] == {"a": {"c": 2}}
    assert left(["extra.a"])[1] == {"record_id": "rec_2", "extra": []}


def test_metadata_stays_behind():
    table = shape_of(EVERYTHING, only(SCHEMA, ["record_id", "age"])).apply(TABLE)
    assert table.schema.metadata is None


def test_untouched_columns_share_their_memory():
    shape = shape_of(parse_fields(["tags", "lab.a1c"], SCHEMA)[0], SCHEMA)
    found = shape.apply(TABLE)
    assert addresses(found["tags"]) == addresses(TABLE["tags"])
    assert addresses(found["lab"])[-1] == addresses(TABLE["lab"])[-1]


def addresses(column):
    return [buffer.address for buffer in column.chunk(0).buffers() if buffer]


def test_dictionaries_and_views_are_resolved():
    names = pa.array(["one", "CANARY of another row, and long enough to lie in a buffer"])
    permitted = struct({"record_id": STRING, "d": STRING, "v": STRING})
    table = pa.table({"record_id": ["r1", "r2"], "d": names.dictionary_encode(), "v": names.cast(pa.string_view())})
    found = shape_of(EVERYTHING, permitted).apply(table.slice(0, 1))
    assert found.to_pylist() == [{"record_id": "r1", "d": "one", "v": "one"}]
    assert found.schema.types == [pa.string(), pa.string(), pa.large_string()]


def test_a_table_without_rows_or_chunks_has_the_same_schema():
    shape = shape_of(parse_fields(["lab.a1c", "visits.code"], SCHEMA)[0], SCHEMA)
    for empty in (TABLE.slice(0, 0), TABLE.schema.empty_table()):
        assert shape.apply(empty).schema == shape.schema(TABLE.schema) == shape.apply(TABLE).schema


def test_a_slice_is_computed_on_permitted_members_only():
    permitted = only(SCHEMA, ["record_id", "visits.code"])
    shape = shape_of(parse_fields({"visits": {"$slice": 1}, "record_id": 1}, permitted)[0], permitted)
    assert (shape.columns, shape.fields) == (("record_id", "visits"), ("record_id", "visits.code"))
    assert shape.rows(TABLE)[0] == {"record_id": "rec_1", "visits": [{"code": "c1"}]}
    with pytest.raises(ValueError, match="row by row"):
        shape.apply(TABLE)
    with pytest.raises(ValueError, match=str(MAX_COMPUTED_ROWS)):
        shape.rows(pa.concat_tables([TABLE] * 501))


def test_an_expression_cannot_reach_what_is_not_permitted():
    permitted = only(SCHEMA, ["record_id", "age", "lab.a1c"])
    reader = ProjectionReader(Reading(DEFAULTS), SCHEMA, computing=True)  # parsed as if all were permitted
    wish = {"whole": "$$ROOT", "name": "$name", "lab": {"all": "$lab"}, "twice": {"$add": ["$age", "$age"]}}
    shape = shape_of(reader.read(wish, Place())[0], permitted)
    assert shape.computed
    assert shape.fields == ("age", "lab.a1c", "record_id")
    assert shape.rows(TABLE.slice(0, 1)) == [
        {
            "record_id": "rec_1",
            "whole": {"record_id": "rec_1", "age": 57, "lab": {"a1c": 8.1}},
            "lab": {"all": {"a1c": 8.1}},
            "twice": 114,
        }
    ]


def types_of(arrow):
    if pa.types.is_struct(arrow):
        return Struct(tuple((field.name, types_of(field.type)) for field in arrow.fields))
    if pa.types.is_list(arrow):
        return ListOf(types_of(arrow.value_type))
    return INT if pa.types.is_integer(arrow) else FLOAT if pa.types.is_floating(arrow) else STRING


def test_nested_patients_keep_what_is_permitted(shared):
    table = pyarrow.parquet.read_table(shared / "data" / "synthea_fhir_stu3" / "patients_nested.parquet")
    schema = types_of(pa.struct(list(table.schema)))
    permitted = only(schema, ["patient_id", "age", "conditions.code", "observations", "lab_results.glucose"])
    fields = ["age", "conditions.code", "conditions.display", "observations.value", "lab_results", "phone"]
    shape = shape_of(parse_fields(fields, permitted)[0], permitted)
    found = shape.apply(table)
    expected = [
        {
            "patient_id": row["patient_id"],
            "age": row["age"],
            "conditions": [{"code": each["code"]} for each in row["conditions"]],
            "observations": [{"value": each["value"]} for each in row["observations"]],
            "lab_results": {"glucose": row["lab_results"]["glucose"]},
        }
        for row in table.to_pylist()
    ]
    assert found.to_pylist() == expected
