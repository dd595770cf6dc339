"""Python values as Arrow takes them for a given type: whole floats, instants, JSON as text."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from xase_server.datasets.instants import DATE_NAME, instant
from xase_server.datasets.types import Array, arrow_type
from xase_server.datasets.union import json_text
from xase_server.query.schema import Kind, ListOf, Schema, Struct, Type

Shape = Callable[[Any], Any]


def batch_of(records: Sequence[dict[str, Any]], schema: Schema) -> pa.RecordBatch:
    """Records as a batch of these columns, which hold every one of their values."""
    fields = arrow_type(schema)
    if not _needed(schema):
        try:
            return _batch(pa.array(records, fields))
        except pa.ArrowInvalid:  # an integer that no double is equal to, in a column of doubles
            pass
    shape = _shape(schema)
    return _batch(pa.array([shape(each) for each in records], fields))


def _batch(structs: Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(structs)


def _needed(type_: Type) -> bool:
    """Whether Arrow would take a value of this type for something else."""
    if isinstance(type_, ListOf):
        return _needed(type_.element)
    if isinstance(type_, Struct):
        return any(_needed(each) for _, each in type_.members)
    return type_.kind in {Kind.JSON, Kind.DATE}


def _shape(type_: Type) -> Shape:
    if isinstance(type_, ListOf):
        element = _shape(type_.element)
        return lambda values: None if values is None else [element(each) for each in values]
    if isinstance(type_, Struct):
        return _shape_struct(type_)
    if type_.kind is Kind.DATE:
        return lambda value: None if value is None else instant(value[DATE_NAME])
    if type_.kind is Kind.FLOAT:
        return lambda value: None if value is None else float(value)
    return json_text if type_.kind is Kind.JSON else lambda value: value


def _shape_struct(type_: Struct) -> Shape:
    members = [(name, _shape(each)) for name, each in type_.members]
    return lambda value: None if value is None else {name: shape(value.get(name)) for name, shape in members}
