"""Strings. Upper and lower case are ASCII only, as in MongoDB (rule 12)."""

import string
from collections.abc import Callable, Mapping
from typing import Final

from xase_server.query.functions.conversion import number_text
from xase_server.query.functions.function import Function
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, is_number, order

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# What is trimmed where nothing else is asked for.
_BLANKS: Final = "\0\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
_MOST_CHARACTERS: Final = 16_000_000
_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


def _text(name: str, value: Value) -> str:
    if value is None:
        return ""
    if is_number(value):
        return number_text(value)
    if isinstance(value, str):
        return value
    raise EvaluationError(f"${name} needs a string")


def _concat(*values: Value) -> Value:
    if not all(value is None or isinstance(value, str) for value in values):
        raise EvaluationError("$concat needs strings")
    if sum(len(value or "") for value in values) > _MOST_CHARACTERS:
        raise EvaluationError(f"$concat makes at most {_MOST_CHARACTERS} characters")
    return None if any(value is None for value in values) else "".join(values)


def whole(name: str, value: Value, least: int | None = None) -> int:
    """A whole number, given as integer or float; anything else raises `EvaluationError`."""
    if not is_number(value) or value != value // 1 or (least is not None and value < least):
        raise EvaluationError(f"${name} needs a whole number" + ("" if least is None else f", at least {least}"))
    return int(value)


def _substring(value: Value, start: Value, count: Value) -> Value:
    text, first = _text("substrCP", value), whole("substrCP", start, 0)
    return text[first : first + whole("substrCP", count, 0)]


def _split(value: Value, separator: Value) -> Value:
    if value is None or separator is None:
        return None
    if not isinstance(value, str) or not isinstance(separator, str) or not separator:
        raise EvaluationError("$split needs a string and a separator that is not empty")
    return value.split(separator)


def _length(value: Value) -> Value:
    if not isinstance(value, str):
        raise EvaluationError("$strLenCP needs a string")
    return len(value)


def _trimmed(name: str, trim: Callable[[str, str], str]) -> Function:
    def apply(value: Value, characters: Value = _BLANKS) -> Value:
        if value is None or characters is None:
            return None
        if not isinstance(value, str) or not isinstance(characters, str):
            raise EvaluationError(f"${name} needs strings")
        return trim(value, characters)

    return Function(apply, 1, 2)


def _position(value: Value, part: Value, start: Value = 0, end: Value = None) -> Value:
    if value is None:
        return None
    if not isinstance(value, str) or not isinstance(part, str):
        raise EvaluationError("$indexOfCP needs strings")
    first = whole("indexOfCP", start, 0)
    last = len(value) if end is None else whole("indexOfCP", end, 0)
    return value.find(part, first, last) if first <= len(value) else -1


def _compared(left: Value, right: Value) -> Value:
    return order(*(_text("strcasecmp", value).translate(_UPPER) for value in (left, right)))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "concat": Function(_concat, 0, None),
    "toLower": Function(lambda value: _text("toLower", value).translate(_LOWER), 1, 1),
    "toUpper": Function(lambda value: _text("toUpper", value).translate(_UPPER), 1, 1),
    "substrCP": Function(_substring, 3, 3),
    "split": Function(_split, 2, 2),
    "strLenCP": Function(_length, 1, 1),
    "strcasecmp": Function(_compared, 2, 2),
    "indexOfCP": Function(_position, 2, 4),
    "trim": _trimmed("trim", str.strip),
    "ltrim": _trimmed("ltrim", str.lstrip),
    "rtrim": _trimmed("rtrim", str.rstrip),
}
