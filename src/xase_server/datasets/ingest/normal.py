"""Every Arrow type as one of ours: integers of 64 bits, doubles, text, instants in milliseconds of UTC.

What has no such form is refused by the column's name. Decimals become doubles, maps lists of {key, value},
times and durations text, NaN and infinities null (JSON has neither).
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as kinds

from xase_server.datasets.types import INSTANT, Array, DataType, arrow_type
from xase_server.datasets.union import rebuilt_list, rebuilt_struct
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import (
    BOOL,
    DATE,
    FLOAT,
    INT,
    JSON,
    NULL,
    STRING,
    Kind,
    ListOf,
    Scalar,
    Schema,
    Struct,
    Type,
)

_SCALARS: Final = (
    (NULL, (kinds.is_null,)),
    (BOOL, (kinds.is_boolean,)),
    (INT, (kinds.is_integer,)),
    (FLOAT, (kinds.is_floating, kinds.is_decimal)),
    (STRING, (kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_time, kinds.is_duration)),
    (DATE, (kinds.is_timestamp, kinds.is_date)),
)
_LISTS: Final = (
    kinds.is_list,
    kinds.is_large_list,
    kinds.is_fixed_size_list,
    kinds.is_list_view,
    kinds.is_large_list_view,
)
_YEAR_1_MS: Final = -62_135_596_800_000
_YEAR_10000_MS: Final = 253_402_300_800_000
_LEVELS: Final = 64


def columns(schema: pa.Schema) -> Schema:
    """The columns as ours; raises IngestProblem naming the column whose type has no form here."""
    return Struct(tuple((field.name, _type(field.type, place)) for place, field in enumerate(schema, 1)))


def _type(type_: DataType, column: int, levels: int = _LEVELS) -> Type:
    if not levels:
        raise IngestProblem(f"Column {column} is nested too deeply", too_large=True)
    type_ = _plain(type_)
    if kinds.is_map(type_):
        entry = (
            ("key", _type(type_.key_type, column, levels - 1)),
            ("value", _type(type_.item_type, column, levels - 1)),
        )
        return ListOf(Struct(entry))
    if any(test(type_) for test in _LISTS):
        return ListOf(_type(type_.value_type, column, levels - 1))
    if kinds.is_struct(type_):
        members = tuple((field.name, _type(field.type, column, levels - 1)) for field in type_)
        return Struct(members) if members else JSON
    for ours, tests in _SCALARS:
        if any(test(type_) for test in tests):
            return ours
    raise IngestProblem(f"Column {column} holds {_spoken(type_)}, which cannot be queried; convert it or leave it out")


def _spoken(type_: pa.DataType) -> str:
    binary = kinds.is_binary(type_) or kinds.is_large_binary(type_) or kinds.is_fixed_size_binary(type_)
    return "binary values" if binary or kinds.is_binary_view(type_) else f"values of the type {str(type_)[:40]}"


def _plain(type_: DataType) -> DataType:
    """The type of the values behind an encoding or an extension."""
    while True:
        if isinstance(type_, pa.BaseExtensionType):
            type_ = type_.storage_type
        elif kinds.is_dictionary(type_) or kinds.is_run_end_encoded(type_):
            type_ = type_.value_type
        else:
            return type_


def normal_batch(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """A batch as ours; raises IngestProblem naming the column whose values do not fit."""
    arrays = []
    for place, (array, (_, type_)) in enumerate(zip(batch.columns, schema.members, strict=True), 1):
        try:
            arrays.append(_normal(array, type_))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise IngestProblem(
                f"Column {place} holds values that do not fit: integers beyond 64 bits with sign, "
                "or dates outside the years 1 to 9999"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in schema.members])


def _normal(array: Array, type_: Type) -> Array:
    array = _decoded(array)
    if isinstance(type_, ListOf):
        return _normal_list(array, type_)
    if isinstance(type_, Struct):
        parts = [_normal(part, member) for part, (_, member) in zip(array.flatten(), type_.members, strict=True)]
        return rebuilt_struct(array, parts, type_)
    return _normal_scalar(array, type_)


def _normal_list(array: Array, type_: ListOf) -> Array:
    if kinds.is_map(array.type):
        array = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    return rebuilt_list(array, _normal(array.flatten(), type_.element))


def _normal_scalar(array: Array, type_: Scalar) -> Array:
    if type_ == JSON:  # a struct without members
        return pc.if_else(array.is_null(), pa.scalar(None, pa.string()), pa.scalar("{}"))
    if type_.kind is Kind.FLOAT:
        return finite(array.cast(pa.float64()))
    if type_.kind is Kind.DATE:
        return instants(array)
    if kinds.is_duration(array.type):
        return pc.binary_join_element_wise(array.cast(pa.string()), array.type.unit, " ")
    return array if array.type == arrow_type(type_) else array.cast(arrow_type(type_))


def finite(array: Array) -> Array:
    """Doubles with null in place of NaN and infinities."""
    good = pc.is_finite(array)
    if pc.all(good).as_py() is not False:
        return array
    return pc.if_else(good, array, pa.scalar(None, pa.float64()))


def instants(array: Array) -> Array:
    """Dates and times of any unit and zone as milliseconds of UTC, finer parts cut off.

    Raises pa.ArrowInvalid for what lies outside the years 1 to 9999.
    """
    found = pc.cast(array, options=pc.CastOptions(INSTANT, allow_time_truncate=True))
    ends = pc.min_max(found.cast(pa.int64())).as_py()
    if ends["min"] is not None and not (ends["min"] >= _YEAR_1_MS and ends["max"] < _YEAR_10000_MS):
        raise pa.ArrowInvalid("an instant outside the years 1 to 9999")
    return found


def _decoded(array: Array) -> Array:
    while True:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        elif kinds.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif kinds.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        else:
            return array
