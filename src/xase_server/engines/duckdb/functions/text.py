"""Strings."""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile, checked, native, unused
from xase_server.engines.duckdb.sql import NULL, SQL, Names
from xase_server.engines.duckdb.unions import is_number
from xase_server.query.functions.conversion import EXACT
from xase_server.query.schema import INT, STRING, ListOf
from xase_server.query.schema import NULL as NOTHING

_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"


def _as_text(name: str, cell: Cell) -> SQL:
    native(cell)
    if cell.type == NOTHING:
        return sql.text("")
    if is_number(cell.type):
        return sql.coalesce(number_text(cell), sql.text(""))
    if cell.type != STRING:
        raise NotNative(f"${name} needs a string")
    return sql.coalesce(cell.sql, sql.text(""))


def number_text(cell: Cell) -> SQL:
    """A number as `$toString` writes it."""
    printed = sql.cast(cell.sql, "VARCHAR")
    if cell.type == INT:
        return printed
    small = exp.LT(this=sql.call("abs", cell.sql), expression=sql.cast(sql.text(str(EXACT)), "DOUBLE"))
    whole = exp.EQ(this=sql.call("trunc", cell.sql), expression=cell.sql)
    return sql.case([(sql.all_of((small, whole)), sql.cast(sql.cast(cell.sql, "BIGINT"), "VARCHAR"))], printed)


def _cased(name: str, old: str, new: str) -> Compile:
    return lambda _, cell: Cell(sql.call("translate", _as_text(name, cell), sql.text(old), sql.text(new)), STRING)


def _concat(_: Names, *cells: Cell) -> Cell:
    native(*cells)
    wrong = [cell for cell in cells if cell.type not in {STRING, NOTHING}]
    if wrong:
        raise NotNative("$concat needs strings")
    if any(cell.type == NOTHING for cell in cells):
        unused(*cells)
    whole = sql.balanced(exp.DPipe, [cell.sql for cell in cells]) if cells else sql.text("")
    return Cell(sql.cast(whole, "VARCHAR"), STRING)


def _substring(_: Names, value: Cell, start: Cell, count: Cell) -> Cell:
    first, length = (whole_number("substrCP", cell, least=0) for cell in (start, count))
    return Cell(
        sql.call("substring", _as_text("substrCP", value), sql.binary(exp.Add, first, sql.number(1)), length), STRING
    )


def whole_number(name: str, cell: Cell, least: int | None = None) -> SQL:
    """A whole number as BIGINT; NULL of NULL is an error only where a bound is given."""
    native(cell)
    message = f"${name} needs a whole number" + ("" if least is None else f", at least {least}")
    if not is_number(cell.type):
        if least is not None or cell.type != NOTHING:
            raise NotNative(message)
        return sql.cast(NULL, "BIGINT")
    fraction = exp.NEQ(this=sql.call("trunc", cell.sql), expression=sql.paren(cell.sql))
    bounds: list[SQL] = [] if cell.type == INT else [fraction]
    if least is not None:
        bounds += [exp.LT(this=sql.paren(cell.sql), expression=sql.number(least)), sql.is_null(cell.sql)]
    value = sql.cast(cell.sql, "BIGINT")
    return checked(sql.any_of(bounds), message, value) if bounds else value


def _split(_: Names, value: Cell, separator: Cell) -> Cell:
    native(value, separator)
    if NOTHING in {value.type, separator.type}:
        unused(value, separator)
        return Cell(NULL, ListOf(STRING))
    message = "$split needs a string and a separator that is not empty"
    if {value.type, separator.type} != {STRING}:
        raise NotNative(message)
    empty = exp.EQ(this=sql.paren(separator.sql), expression=sql.text(""))
    both = sql.all_of((empty, sql.is_not_null(value.sql)))
    there = sql.is_not_null(separator.sql)
    return Cell(
        checked(both, message, sql.case([(there, sql.call("string_split", value.sql, separator.sql))])), ListOf(STRING)
    )


def _text_length(_: Names, value: Cell) -> Cell:
    native(value)
    message = "$strLenCP needs a string"
    if value.type != STRING:
        raise NotNative(message)
    return Cell(checked(sql.is_null(value.sql), message, sql.call("length", value.sql)), INT)


FUNCTIONS: Final[Mapping[str, Compile]] = {
    "concat": _concat,
    "toLower": _cased("toLower", _LOWER.upper(), _LOWER),
    "toUpper": _cased("toUpper", _LOWER, _LOWER.upper()),
    "substrCP": _substring,
    "split": _split,
    "strLenCP": _text_length,
}
