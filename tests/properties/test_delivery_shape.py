"""What leaves is what the projection of rows says, of what is permitted; nothing else is to be found in it."""

from datetime import UTC

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.delivery_data import (
    FIELDS,
    RECORDS,
    arrow_type,
    listed,
    objects,
    present,
    records,
    table_of,
    visible,
)
from tests.sight import only
from xase_server.delivery.rows import rows_of
from xase_server.delivery.shape import shape_of
from xase_server.query.parse.finds import parse_fields
from xase_server.query.reshape import project

RESTRICTIONS = st.lists(st.sampled_from(FIELDS), max_size=6).map(lambda paths: only(RECORDS, ["record_id", *paths]))
SLICES = st.sampled_from(["li", "ls", "lo", "ll", "o.i", "lo.li", "m"]).flatmap(
    lambda path: st.sampled_from([2, -1, [1, 1], [-2, 1]]).map(lambda window: {path: {"$slice": window}})
)


def expected(projection, permitted, row):
    seen = visible(row, permitted)
    return {**present({**project(projection, seen), "record_id": None}), "record_id": row["record_id"]}


@given(found=records(), fields=st.none() | listed() | objects(), permitted=RESTRICTIONS | st.just(RECORDS))
def test_columns_are_shaped_as_rows_are(found, fields, permitted):
    projection, _ = parse_fields(fields, permitted)
    shape = shape_of(projection, permitted)
    table = table_of(found)
    left = shape.apply(table.select(shape.columns))
    assert rows_of(left, shape.types) == [expected(projection, permitted, row) for row in found]
    assert left.column_names[0] == "record_id"
    assert left.schema.equals(shape.schema(table.schema))
    assert shape.rows(table) == rows_of(left, shape.types)


@given(found=records(), fields=listed() | objects(), permitted=RESTRICTIONS)
def test_no_member_leaves_that_is_not_permitted(found, fields, permitted):
    projection, _ = parse_fields(fields, permitted)
    shape = shape_of(projection, permitted)
    left = shape.apply(table_of(found))
    allowed = set(paths(arrow_type(permitted)))
    assert set(paths(pa.struct(list(left.schema)))) <= allowed
    assert set(shape.fields) <= {".".join(path) for path in allowed}
    assert left.column_names == list(shape.columns)


@given(found=records(), window=SLICES, permitted=RESTRICTIONS | st.just(RECORDS))
def test_slices_are_computed_row_by_row(found, window, permitted):
    projection, _ = parse_fields(window, permitted)
    shape = shape_of(projection, permitted)
    assert shape.computed
    assert shape.rows(table_of(found)) == [expected(projection, permitted, row) for row in found]


@given(found=records())
def test_rows_come_back_as_they_went_in(found):
    left = rows_of(table_of(found), RECORDS)
    assert left == present(found)
    assert all(row["d"].tzinfo.utcoffset(row["d"]) == UTC.utcoffset(None) for row in left if "d" in row)


def paths(type_, path=()):
    if pa.types.is_struct(type_):
        for field in type_.fields:
            yield from paths(field.type, (*path, field.name))
    elif pa.types.is_list(type_):
        yield from paths(type_.value_type, path)
    yield path
