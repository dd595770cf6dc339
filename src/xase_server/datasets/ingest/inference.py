"""The one type that holds a column's values, found by looking at every one of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from xase_server.datasets.bounds import too_large
from xase_server.datasets.ingest.normal import columns
from xase_server.datasets.instants import DATE_NAME, instant
from xase_server.datasets.union import union
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, NULL, STRING, ListOf, Struct, Type

_REFUSED: Final = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)
_KINDS: Final[dict[type, Type]] = {type(None): NULL, bool: BOOL, int: INT, float: FLOAT, str: STRING, datetime: DATE}
_LEVELS: Final = 40


def inferred(records: Sequence[dict[str, Any]]) -> Struct:
    """The type of these records. Arrow infers it where no kinds mix; else every value is looked at here."""
    try:
        found = columns(pa.schema(list(pa.array(records).type)))
    except _REFUSED:
        return _looked_at(records)
    return _looked_at(records) if _has_dates(found) or _hides_bools(records, found) else found


def _looked_at(records: Sequence[dict[str, Any]]) -> Struct:
    found = union([_type(record, _LEVELS) for record in records])
    assert isinstance(found, Struct), "records are objects"
    return found


def _type(value: Any, levels: int) -> Type:
    if not levels:
        raise too_large("Values are nested too deeply")
    if isinstance(value, dict):
        if value.keys() == {DATE_NAME}:
            return _date(value[DATE_NAME])
        return Struct(tuple((name, _type(each, levels - 1)) for name, each in value.items()))
    if isinstance(value, list):
        return ListOf(union([_type(each, levels - 1) for each in value]))
    return _KINDS[type(value)]


def _date(written: Any) -> Type:
    if instant(written) is None:
        raise IngestProblem('A value {"$date": …} is no date and time of RFC 3339')
    return DATE


def _has_dates(type_: Type) -> bool:
    if isinstance(type_, ListOf):
        return _has_dates(type_.element)
    return isinstance(type_, Struct) and any(name == DATE_NAME or _has_dates(each) for name, each in type_.members)


def _hides_bools(values: Sequence[Any], type_: Type) -> bool:
    """Whether a boolean stands among numbers: Arrow takes it for 1.0, we do not."""
    if type_ == FLOAT:
        return bool in set(map(type, values))
    if isinstance(type_, ListOf):
        return _has_floats(type_) and _hides_bools([each for value in values for each in value or ()], type_.element)
    return isinstance(type_, Struct) and any(
        _hides_bools([value.get(name) for value in values if value], member)
        for name, member in type_.members
        if _has_floats(member)
    )


def _has_floats(type_: Type) -> bool:
    if isinstance(type_, ListOf):
        return _has_floats(type_.element)
    return type_ == FLOAT or (isinstance(type_, Struct) and any(_has_floats(each) for _, each in type_.members))
