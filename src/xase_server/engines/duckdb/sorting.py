"""What rows sort by: null first, lists by their smallest or largest element, structs member by member."""

from collections.abc import Sequence

from sqlglot import exp

from xase_server.engines.duckdb import mixed, sql
from xase_server.engines.duckdb.cells import Cell, NotNative, Rows
from xase_server.engines.duckdb.sql import SQL, Names
from xase_server.query.paths import Path
from xase_server.query.schema import JSON, ListOf, Scalar, Struct, Type, is_index, spreads
from xase_server.query.stages import SortKey

# One expression to order by, and whether it descends.
Key = tuple[SQL, bool]


def sort_keys(keys: Sequence[SortKey], row: Rows, names: Names) -> list[Key]:
    """The expressions of a sort. Raises `NotNative` for what has no order in SQL."""
    if sum(spreads(row.type, key.path) for key in keys) > 1:
        raise NotNative("a sort by two members of the elements of a list")
    return [(each, key.descending) for key in keys for each in _of_path(row, key, names)]


def ordered(keys: Sequence[Key]) -> exp.Order | None:
    """ORDER BY with null least, as MongoDB has it; None of no keys."""
    if not keys:
        return None
    return exp.Order(expressions=[exp.Ordered(this=each, desc=down, nulls_first=not down) for each, down in keys])


def _of_path(row: Rows, key: SortKey, names: Names) -> list[SQL]:
    column = row.member(key.path[0])
    return [] if column is None else _reached(column, key.path[1:], names, descending=key.descending)


def _reached(cell: Cell, path: Path, names: Names, *, descending: bool) -> list[SQL]:
    if isinstance(cell.type, ListOf):
        if path and is_index(path[0]) and _plain(cell.type.element, path[0]):
            at_position = Cell(sql.element(cell.sql, int(path[0])), cell.type.element)
            return _reached(at_position, path[1:], names, descending=descending)
        extreme = _extreme(_spread(cell, path, names), descending=descending)
        return [extreme] if path else [_not_empty(cell.sql), extreme]
    if cell.type == JSON:
        if path:
            raise NotNative("a sort below values of mixed types")
        return [_not_empty(mixed.elements(cell.sql)), _mixed(cell.sql, names, descending=descending)]
    if isinstance(cell.type, Struct):
        if not path:
            return _members(cell, cell.type, names, descending=descending)
        inner = cell.member(path[0])
        return [] if inner is None else _reached(inner, path[1:], names, descending=descending)
    return [] if path else [cell.sql]


def _members(cell: Cell, type_: Struct, names: Names, *, descending: bool) -> list[SQL]:
    keys = [sql.is_not_null(cell.sql)]
    for name, member_type in type_.members:
        inner = cell.member(name)
        assert inner is not None, "its own member"
        if isinstance(member_type, ListOf) or member_type == JSON:
            raise NotNative("the order of structs with lists")
        keys.extend(_reached(inner, (), names, descending=descending))
    return keys


def _spread(cell: Cell, path: Path, names: Names) -> Cell:
    """The list of all scalars that a path reaches from a list."""
    assert isinstance(cell.type, ListOf), "asked before"
    element = cell.type.element
    if not path:
        return cell
    if is_index(path[0]):
        raise NotNative("a sort by a position in a list")
    if not isinstance(element, Struct):
        raise NotNative("a sort below a list of single values")
    structs = names.filtered(cell.sql, sql.is_not_null)
    found: list[Cell] = []

    def body(each: SQL) -> SQL:
        inner: Cell | None = Cell(each, element)
        for step in path:
            inner = inner.member(step) if inner is not None else None
        if inner is None or not isinstance(inner.type, Scalar):
            raise NotNative("a sort through lists in lists")
        found.append(inner)
        return inner.sql

    spread = names.transformed(structs, body)
    return Cell(spread, ListOf(found[0].type))


def _plain(element: Type, step: str) -> bool:
    """Whether a number can only be a position: no element has a member of that name."""
    return element != JSON and not (isinstance(element, Struct) and element.member(step) is not None)


def _not_empty(items: SQL) -> SQL:
    """False of an empty list, which lies below null; true of all else, null among it."""
    return exp.GT(this=sql.coalesce(sql.length(items), sql.number(1)), expression=sql.number(0))


def _extreme(cell: Cell, *, descending: bool) -> SQL:
    assert isinstance(cell.type, ListOf), "asked before"
    if not isinstance(cell.type.element, Scalar) or cell.type.element == JSON:
        raise NotNative("a sort by a list of lists or structs")
    if descending:
        return sql.call("list_max", cell.sql)
    complete = exp.EQ(this=sql.length(cell.sql), expression=sql.call("list_count", cell.sql))
    return sql.case([(complete, sql.call("list_min", cell.sql))])


def _mixed(value: SQL, names: Names, *, descending: bool) -> SQL:
    """A JSON value: a list by its extreme element, null in a list being least."""
    keys = names.transformed(mixed.elements(value), mixed.sort_key)
    complete = exp.EQ(this=sql.length(keys), expression=sql.call("list_count", keys))
    extreme = sql.call("list_max", keys) if descending else sql.case([(complete, sql.call("list_min", keys))])
    return sql.case([(mixed.is_type(value, "ARRAY"), extreme)], mixed.sort_key(value))
