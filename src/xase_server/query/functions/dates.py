"""Parts of dates and dates as text, in UTC (rule 16)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from xase_server.query.functions.function import Function
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value

PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "dayOfMonth": lambda moment: moment.day,
    "dayOfYear": lambda moment: moment.timetuple().tm_yday,
    "dayOfWeek": lambda moment: moment.isoweekday() % 7 + 1,
    "week": lambda moment: int(moment.strftime("%U")),
    "isoDayOfWeek": lambda moment: moment.isoweekday(),
    "isoWeek": lambda moment: moment.isocalendar().week,
    "isoWeekYear": lambda moment: moment.isocalendar().year,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
    "millisecond": lambda moment: moment.microsecond // 1000,
}

# The specifiers of a date format: the part they print and its width. `%z` prints the offset of UTC.
SPECIFIERS: Final[Mapping[str, tuple[str, int]]] = {
    "%Y": ("year", 4),
    "%m": ("month", 2),
    "%d": ("dayOfMonth", 2),
    "%H": ("hour", 2),
    "%M": ("minute", 2),
    "%S": ("second", 2),
    "%L": ("millisecond", 3),
    "%j": ("dayOfYear", 3),
    "%w": ("dayOfWeek", 1),
    "%U": ("week", 2),
    "%u": ("isoDayOfWeek", 1),
    "%V": ("isoWeek", 2),
    "%G": ("isoWeekYear", 4),
}
ISO: Final = "%Y-%m-%dT%H:%M:%S.%LZ"


def parse_format(text: str) -> tuple[str, ...]:
    """The pieces of a date format: specifiers and the text between them; raises `ValueError` for an unknown one."""
    pieces: list[str] = []
    rest = text
    while rest:
        literal, sign, tail = rest.partition("%")
        if literal:
            pieces.append(literal)
        if sign:
            pieces.append(_specified(tail[:1]))
        rest = tail[1:] if sign else ""
    return tuple(pieces)


def _specified(letter: str) -> str:
    if letter == "%":
        return "%"
    if letter == "z":
        return "+0000"
    if f"%{letter}" not in SPECIFIERS:
        raise ValueError(letter)
    return f"%{letter}"


def format_date(moment: Value, pieces: tuple[str, ...]) -> str:
    """A date in a parsed format; raises `EvaluationError` for anything else."""
    _check("dateToString", moment)
    return "".join(_piece(moment, piece) for piece in pieces)


def _piece(moment: datetime, piece: str) -> str:
    if piece not in SPECIFIERS:
        return piece
    part, width = SPECIFIERS[piece]
    return f"{PARTS[part](moment):0{width}d}"


def _check(name: str, value: Value) -> None:
    if not isinstance(value, datetime):
        raise EvaluationError(f"${name} needs a date")


def _part(name: str) -> Function:
    def apply(value: Value) -> Value:
        if value is None:
            return None
        _check(name, value)
        return PARTS[name](value)

    return Function(apply, 1, 1)


FUNCTIONS: Final[Mapping[str, Function]] = {name: _part(name) for name in PARTS}
