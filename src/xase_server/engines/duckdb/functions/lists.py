"""Lists and structs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile, checked, may_fail, native, unused
from xase_server.engines.duckdb.functions.comparison import equal
from xase_server.engines.duckdb.functions.text import whole_number
from xase_server.engines.duckdb.sql import FALSE, NULL, SQL, Names
from xase_server.engines.duckdb.unions import is_number, joined
from xase_server.query.schema import BOOL, FLOAT, INT, JSON, ListOf, Scalar, Struct, Type
from xase_server.query.schema import NULL as NOTHING


def _size(_: Names, value: Cell) -> Cell:
    native(value)
    if not isinstance(value.type, ListOf):
        raise NotNative("$size needs a list")
    return Cell(checked(sql.is_null(value.sql), "$size needs a list", sql.length(value.sql)), INT)


def _element_at(_: Names, value: Cell, position: Cell) -> Cell:
    native(value)
    if value.type == NOTHING:
        unused(position)
        return Cell(NULL, NOTHING)
    if not isinstance(value.type, ListOf):
        raise NotNative("$arrayElemAt needs a list")
    index = whole_number("arrayElemAt", position)
    from_end = exp.LT(this=sql.paren(index), expression=sql.number(0))
    place = sql.case([(from_end, index)], sql.binary(exp.Add, index, sql.number(1)))
    return Cell(sql.call("list_extract", value.sql, place), value.type.element)


def _slice(_: Names, value: Cell, *window: Cell) -> Cell:
    native(value, *window)
    if value.type == NOTHING or any(cell.type == NOTHING for cell in window):
        unused(value, *window)
        return Cell(NULL, value.type)
    if not isinstance(value.type, ListOf):
        raise NotNative("$slice needs a list")
    size, count = sql.length(value.sql), whole_number("slice", window[-1])
    if len(window) == 1:
        from_end = exp.LT(this=sql.paren(count), expression=sql.number(0))
        first = sql.case([(from_end, _at_least_one(sql.binary(exp.Add, size, count)))], sql.number(1))
        last = sql.case([(from_end, size)], count)
    else:
        positive = exp.LTE(this=sql.paren(count), expression=sql.number(0))
        count = checked(positive, "$slice needs a positive count", count)
        start = whole_number("slice", window[0])
        from_end = exp.LT(this=sql.paren(start), expression=sql.number(0))
        first = sql.case(
            [(from_end, _at_least_one(sql.binary(exp.Add, size, start)))], sql.binary(exp.Add, start, sql.number(1))
        )
        last = sql.binary(exp.Sub, sql.binary(exp.Add, first, count), sql.number(1))
    there = sql.all_of(sql.is_not_null(cell.sql) for cell in (value, *window))
    return Cell(sql.case([(there, sql.call("list_slice", value.sql, first, last))]), value.type)


def _at_least_one(before: SQL) -> SQL:
    """A position counted from 1, given how many elements lie before it; not below the first."""
    return sql.call("greatest", sql.binary(exp.Add, before, sql.number(1)), sql.number(1))


def _in(names: Names, value: Cell, items: Cell) -> Cell:
    native(value, items)
    if not isinstance(items.type, ListOf):
        raise NotNative("$in needs a list")
    element = items.type.element
    if element == JSON:
        raise NotNative("an expression on values of mixed types")
    found = names.any(items.sql, lambda each: equal(names, value, Cell(each, element)).sql)
    if may_fail(value):  # an empty list asks for no value, and would hide the error
        found = sql.case([(sql.is_null(value.sql), found)], found)
    return Cell(checked(sql.is_null(items.sql), "$in needs a list", sql.closed(found)), BOOL)


def _concat_lists(_: Names, *cells: Cell) -> Cell:
    native(*cells)
    if not all(cell.type == NOTHING or isinstance(cell.type, ListOf) for cell in cells):
        raise NotNative("$concatArrays needs a list")
    if any(cell.type == NOTHING for cell in cells):
        unused(*cells)
        return Cell(NULL, NOTHING)
    values, type_ = joined(cells)
    there = sql.all_of(sql.is_not_null(cell.sql) for cell in cells)
    return Cell(sql.case([(there, sql.call("flatten", sql.call("list_value", *values)))]), type_)


def _is_list(_: Names, value: Cell) -> Cell:
    native(value)
    if isinstance(value.type, ListOf):
        return Cell(sql.is_not_null(value.sql), BOOL)
    unused(value)
    return Cell(FALSE, BOOL)


def _merge(_: Names, *cells: Cell) -> Cell:
    native(*cells)
    members: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.type == NOTHING:
            continue
        if not isinstance(cell.type, Struct):
            raise NotNative("$mergeObjects needs objects")
        for name, _type in cell.type.members:
            inner = cell.member(name)
            assert inner is not None, "its own member"
            members.setdefault(name, []).append(inner)
    if not members:
        raise NotNative("a struct without members")
    merged = {name: joined(found[::-1]) for name, found in members.items()}
    values = [sql.coalesce(*found) if len(found) > 1 else found[0] for found, _ in merged.values()]
    return Cell(sql.struct_of(*values), Struct(tuple((name, type_) for name, (_, type_) in merged.items())))


def _over(function: str, result: Callable[[Type], Type], empty: SQL = NULL) -> Compile:
    """`$sum` and its like outside `$group`: over one list, or over the operands."""

    def compile_(_: Names, *cells: Cell) -> Cell:
        native(*cells)
        if len(cells) == 1 and isinstance(cells[0].type, ListOf):
            items, type_ = cells[0].sql, cells[0].type.element
        else:
            values, type_ = joined(_numbers(cells) if function in {"sum", "avg"} else cells)
            items = sql.call("list_value", *values)
        if function in {"sum", "avg"}:
            unused(*(cell for cell in cells if not is_number(cell.type)))
        if type_ == NOTHING or (function in {"sum", "avg"} and not is_number(type_)):
            return Cell(sql.cast(empty, "BIGINT"), INT) if empty is not NULL else Cell(NULL, NOTHING)
        if not isinstance(type_, Scalar) or type_ == JSON:
            raise NotNative("a summary of values of mixed types")
        summary = sql.call("list_aggregate", items, sql.text(function))
        return Cell(summary if empty is NULL else sql.coalesce(summary, empty), result(type_))

    return compile_


def _numbers(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if is_number(cell.type)]


FUNCTIONS: Final[Mapping[str, Compile]] = {
    "size": _size,
    "arrayElemAt": _element_at,
    "slice": _slice,
    "in": _in,
    "concatArrays": _concat_lists,
    "isArray": _is_list,
    "mergeObjects": _merge,
    "sum": _over("sum", lambda type_: type_, sql.number(0)),
    "avg": _over("avg", lambda _: FLOAT),
    "min": _over("min", lambda type_: type_),
    "max": _over("max", lambda type_: type_),
}
