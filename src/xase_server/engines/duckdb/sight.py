"""Rows of which only some members can be seen: what is hidden is not in them, so that nothing can be asked of it.

A struct with a hidden member is built anew without it, so that neither comparing nor grouping whole structs
tells anything of that member.
"""

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, Rows
from xase_server.engines.duckdb.reshape import built, members_of
from xase_server.engines.duckdb.sql import SQL, Names
from xase_server.query.schema import ListOf, Schema, Struct, Type


def seen(rows: Rows, visible: Schema) -> Rows:
    """The rows with no other members than those of `visible`, a part of their type."""
    names = Names("v")
    return Rows({name: _seen(rows.columns[name], type_, names) for name, type_ in visible.members})


def _seen(cell: Cell, visible: Type, names: Names) -> Cell:
    if cell.type == visible:
        return cell
    if isinstance(visible, Struct):
        own = members_of(cell)
        made = built({name: _seen(own[name], member, names) for name, member in visible.members})
        assert made is not None, "a struct without a visible member is not visible"
        return Cell(sql.case([(sql.is_not_null(cell.sql), made.sql)]), visible)
    assert isinstance(cell.type, ListOf), "only structs and lists have parts"
    assert isinstance(visible, ListOf), "only structs and lists have parts"
    return _seen_elements(cell.sql, cell.type, visible, names)


def _seen_elements(items: SQL, own: ListOf, visible: ListOf, names: Names) -> Cell:
    inside = names.transformed(items, lambda each: _seen(Cell(each, own.element), visible.element, names).sql)
    return Cell(inside, visible)
