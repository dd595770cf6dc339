"""Conversions: null in, null out; what cannot be converted is an error."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from xase_server.query.functions.dates import ISO, format_date, parse_format
from xase_server.query.functions.function import Function
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, is_number, milliseconds

INTEGER_TEXT: Final = "[+-]?[0-9]{1,19}"
NUMBER_TEXT: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
# A float prints as an integer where every integer is exact.
EXACT: Final = 1e15
_BITS: Final = {"toInt": 31, "toLong": 63}
_ISO: Final = parse_format(ISO)


def number_text(value: float) -> str:
    """A number as `$toString` writes it: 20.0 is `20`."""
    return str(int(value)) if abs(value) < EXACT and value == value // 1 else str(value)


def _to_string(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_date(value, _ISO)
    if is_number(value):
        return number_text(value)
    raise EvaluationError("$toString needs a single value")


def _to_whole(name: str) -> Function:
    def apply(value: Value) -> Value:
        if value is None:
            return None
        number = _whole(name, value)
        if not -(2 ** _BITS[name]) <= number < 2 ** _BITS[name]:
            raise EvaluationError(f"${name} of a number that does not fit")
        return number

    return Function(apply, 1, 1)


def _whole(name: str, value: Value) -> int:
    if isinstance(value, datetime) and name == "toLong":
        return milliseconds(value)
    if isinstance(value, str) and re.fullmatch(INTEGER_TEXT, value):
        return int(value)
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return int(value)
    raise EvaluationError(f"${name} of something that is no whole number")


def _to_double(value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, datetime):
        return float(milliseconds(value))
    if isinstance(value, bool | int | float) or (isinstance(value, str) and re.fullmatch(NUMBER_TEXT, value)):
        return float(value)
    raise EvaluationError("$toDouble of something that is no number")


def _to_bool(value: Value) -> Value:
    return None if value is None else not (value is False or (is_number(value) and value == 0))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "toString": Function(_to_string, 1, 1),
    "toInt": _to_whole("toInt"),
    "toLong": _to_whole("toLong"),
    "toDouble": Function(_to_double, 1, 1),
    "toBool": Function(_to_bool, 1, 1),
    "isNumber": Function(is_number, 1, 1),
}
