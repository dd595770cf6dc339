"""Conversions."""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.arithmetic import milliseconds
from xase_server.engines.duckdb.functions.checking import Compile, checked, failing, native
from xase_server.engines.duckdb.functions.dates import format_date
from xase_server.engines.duckdb.functions.text import number_text
from xase_server.engines.duckdb.sql import NULL, SQL, Names
from xase_server.engines.duckdb.unions import is_number
from xase_server.query.functions.conversion import INTEGER_TEXT, NUMBER_TEXT
from xase_server.query.functions.dates import ISO, SPECIFIERS, parse_format
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, STRING
from xase_server.query.schema import NULL as NOTHING

_ISO: Final = [piece if piece in SPECIFIERS else sql.text(piece) for piece in parse_format(ISO)]


def _to_string(_: Names, value: Cell) -> Cell:
    native(value)
    if value.type in {STRING, NOTHING}:
        return Cell(value.sql, STRING)
    if is_number(value.type):
        return Cell(number_text(value), STRING)
    if value.type == BOOL:
        return Cell(sql.cast(value.sql, "VARCHAR"), STRING)
    if value.type == DATE:
        return Cell(sql.case([(sql.is_not_null(value.sql), format_date(value, _ISO))]), STRING)
    raise NotNative("$toString needs a single value")


def _to_whole(name: str, bits: int) -> Compile:
    def compile_(_: Names, value: Cell) -> Cell:
        native(value)
        if value.type == NOTHING:
            return Cell(NULL, INT)
        number = _integral(name, value)
        if number is None:
            raise NotNative(f"${name} of something that is no whole number")
        low, high = (sql.cast(sql.text(str(bound)), "HUGEINT") for bound in (-(2**bits), 2**bits - 1))
        outside = sql.any_of((exp.LT(this=number, expression=low), exp.GT(this=number, expression=high)))
        return Cell(checked(outside, f"${name} of a number that does not fit", sql.cast(number, "BIGINT")), INT)

    return compile_


def _integral(name: str, value: Cell) -> SQL | None:
    message = f"${name} of something that is no whole number"
    if value.type == STRING:
        fits = sql.call("regexp_full_match", value.sql, sql.text(INTEGER_TEXT))
        return sql.case([(fits, sql.cast(value.sql, "HUGEINT")), (sql.is_not_null(value.sql), failing(message))])
    if value.type == FLOAT:
        within = exp.LT(this=sql.call("abs", value.sql), expression=sql.cast(sql.text("1e30"), "DOUBLE"))
        whole = sql.cast(sql.call("trunc", value.sql), "HUGEINT")
        return sql.case([(within, whole), (sql.is_not_null(value.sql), failing(message))])
    if value.type in {INT, BOOL}:
        return sql.cast(sql.cast(value.sql, "BIGINT"), "HUGEINT")
    return sql.cast(milliseconds(value), "HUGEINT") if value.type == DATE and name == "toLong" else None


def _to_double(_: Names, value: Cell) -> Cell:
    native(value)
    message = "$toDouble of something that is no number"
    if value.type == STRING:
        fits = sql.call("regexp_full_match", value.sql, sql.text(NUMBER_TEXT))
        number = sql.case([(fits, sql.cast(value.sql, "DOUBLE")), (sql.is_not_null(value.sql), failing(message))])
        return Cell(number, FLOAT)
    if value.type == DATE:
        return Cell(sql.cast(milliseconds(value), "DOUBLE"), FLOAT)
    if value.type in {INT, FLOAT, BOOL, NOTHING}:
        inner = sql.cast(value.sql, "INTEGER") if value.type == BOOL else value.sql
        return Cell(sql.cast(inner, "DOUBLE"), FLOAT)
    raise NotNative(message)


FUNCTIONS: Final[Mapping[str, Compile]] = {
    "toString": _to_string,
    "toInt": _to_whole("toInt", 31),
    "toLong": _to_whole("toLong", 63),
    "toDouble": _to_double,
}
