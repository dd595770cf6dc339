"""Parts of dates, and dates as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile, native
from xase_server.engines.duckdb.sql import NULL, SQL, Names
from xase_server.query.functions.dates import PARTS, SPECIFIERS
from xase_server.query.schema import DATE, INT
from xase_server.query.schema import NULL as NOTHING


def _date_part(name: str) -> Compile:
    def compile_(_: Names, value: Cell) -> Cell:
        native(value)
        if value.type != DATE:
            if value.type != NOTHING:
                raise NotNative(f"${name} needs a date")
            return Cell(NULL, INT)
        return Cell(sql.cast(_PART_SQL[name](value.sql), "BIGINT"), INT)

    return compile_


def _extracted(part: str) -> Callable[[SQL], SQL]:
    return lambda moment: sql.call("date_part", sql.text(part), moment)


_PART_SQL: Final[Mapping[str, Callable[[SQL], SQL]]] = {
    "year": _extracted("year"),
    "month": _extracted("month"),
    "dayOfMonth": _extracted("day"),
    "dayOfYear": _extracted("doy"),
    "dayOfWeek": lambda moment: sql.binary(exp.Add, _extracted("dow")(moment), sql.number(1)),
    "week": lambda moment: sql.call("strftime", moment, sql.text("%U")),
    "isoDayOfWeek": _extracted("isodow"),
    "isoWeek": _extracted("week"),
    "isoWeekYear": _extracted("isoyear"),
    "hour": _extracted("hour"),
    "minute": _extracted("minute"),
    "second": _extracted("second"),
    "millisecond": lambda moment: sql.binary(exp.Mod, _extracted("millisecond")(moment), sql.number(1000)),
}


def format_date(date: Cell, pieces: Sequence[str | SQL]) -> SQL:
    """A date by the pieces of a format: specifiers of ours, and texts that are bound."""
    native(date)
    if date.type != DATE:
        raise NotNative("$dateToString needs a date")
    printed = [_printed(date.sql, piece) if isinstance(piece, str) else piece for piece in pieces]
    return sql.call("concat", *printed) if printed else sql.text("")


def _printed(moment: SQL, specifier: str) -> SQL:
    part, width = SPECIFIERS[specifier]
    digits = sql.cast(sql.cast(_PART_SQL[part](moment), "BIGINT"), "VARCHAR")
    return sql.call("lpad", digits, sql.number(width), sql.text("0"))


FUNCTIONS: Final[Mapping[str, Compile]] = {name: _date_part(name) for name in PARTS}
