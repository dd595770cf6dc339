"""Whom rows are about: a number for each subject, the same for rows of the same one."""

from collections.abc import Hashable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xase_server.delivery.numbers import Numbers
from xase_server.delivery.rows import rows_of
from xase_server.query.evaluate import evaluate, scope_of
from xase_server.query.expressions import Field
from xase_server.query.schema import Schema, Struct
from xase_server.query.values import group_key


def codes_of(table: pa.Table, schema: Schema, entity: str) -> Numbers:
    """A code for each row, by the field at the path `entity`, whose column is the table's first; null has one, too."""
    column = table.column(0)
    for step in entity.split(".")[1:]:
        if not pa.types.is_struct(column.type):
            return _one_by_one(table, schema, entity)
        column = pc.struct_field(column, step)
    if pa.types.is_nested(column.type):
        return _one_by_one(table, schema, entity)
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(coded.indices, dtype=np.int64)


def _one_by_one(table: pa.Table, schema: Schema, entity: str) -> Numbers:
    """For what is no single value: alike is what a group by it takes for alike."""
    subject = Field(tuple(entity.split(".")))
    types = Struct(tuple(member for member in schema.members if member[0] in table.column_names))
    codes: dict[Hashable, int] = {}
    found = (group_key(evaluate(subject, scope_of(row))) for row in rows_of(table, types))
    return np.array([codes.setdefault(each, len(codes)) for each in found], dtype=np.int64)
