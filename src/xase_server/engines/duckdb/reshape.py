"""Projections and `$addFields` on typed cells: structs are taken apart and built anew."""

from collections.abc import Callable, Mapping, Sequence

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative, Rows
from xase_server.engines.duckdb.sql import SQL, Names
from xase_server.query.expressions import Expression
from xase_server.query.paths import Path
from xase_server.query.projection import Branch, Found, Part, Projection, Sliced, Whole
from xase_server.query.schema import JSON, NULL, ListOf, Struct, Type

Compute = Callable[[Expression], Cell]
_Parts = Sequence[tuple[str, Part]]


class Reshaper:
    """Builds the columns of a reshaped row; `compute` compiles what is computed."""

    def __init__(self, names: Names, compute: Compute) -> None:
        self._names = names
        self._compute = compute

    def project(self, projection: Projection, row: Rows) -> dict[str, Cell]:
        """The columns that a projection leaves. Raises `NotNative`."""
        if projection.exclude:
            return self._without(row.columns, projection.parts)
        return self._only(row.columns, projection.parts)

    def _only(self, members: Mapping[str, Cell], parts: _Parts) -> dict[str, Cell]:
        kept = {name: self._part(members.get(name), part) for name, part in parts}
        return {name: cell for name, cell in kept.items() if cell is not None}

    def _part(self, cell: Cell | None, part: Part) -> Cell | None:
        if isinstance(part, Whole):
            return cell
        if isinstance(part, Sliced | Found):
            raise NotNative("part of a list in a projection")
        if isinstance(part, Branch):
            return self._inside(cell, part)
        return self._compute(part)

    def _inside(self, cell: Cell | None, part: Branch) -> Cell | None:
        if cell is None or cell.type == NULL:
            return built(self._only({}, part.parts))
        if isinstance(cell.type, ListOf):
            return self._each(cell, cell.type.element, part)
        if isinstance(cell.type, Struct):
            made = built(self._only(members_of(cell), part.parts))
            return self._kept_null(cell, made, part)
        if cell.type == JSON:
            raise NotNative("a projection below values of mixed types")
        return built(self._only({}, part.parts))

    @staticmethod
    def _kept_null(cell: Cell, made: Cell | None, part: Branch) -> Cell | None:
        """A struct that was null stays away, unless something in it is computed."""
        if made is None:
            raise NotNative("a struct without members")
        if _computes(part):
            return made
        return Cell(sql.case([(sql.is_not_null(cell.sql), made.sql)]), made.type)

    def _each(self, cell: Cell, element: Type, part: Branch) -> Cell:
        if not isinstance(element, Struct) or _computes(part):
            raise NotNative("a projection of members of single values, or computed inside a list")
        made: list[Type] = []

        def body(each: SQL) -> SQL:
            inner = self._inside(Cell(each, element), part)
            assert inner is not None, "a struct leaves a struct"
            made.append(inner.type)
            return inner.sql

        structs = self._names.filtered(cell.sql, sql.is_not_null)
        return Cell(self._names.transformed(structs, body), ListOf(made[0]))

    def _without(self, members: Mapping[str, Cell], parts: _Parts) -> dict[str, Cell]:
        kept = dict(members)
        for name, part in parts:
            if isinstance(part, Whole):
                kept.pop(name, None)
            elif name in kept:
                kept[name] = self._thinned(kept[name], part)
        return kept

    def _thinned(self, cell: Cell, part: Part) -> Cell:
        if not isinstance(part, Branch) or cell.type == JSON:
            raise NotNative("a projection below values of mixed types")
        if isinstance(cell.type, Struct):
            made = built(self._without(members_of(cell), part.parts))
            if made is None:
                raise NotNative("a struct without members")
            return Cell(sql.case([(sql.is_not_null(cell.sql), made.sql)]), made.type)
        if isinstance(cell.type, ListOf) and isinstance(cell.type.element, Struct):
            return self._thinned_list(cell, cell.type.element, part)
        return cell

    def _thinned_list(self, cell: Cell, element: Struct, part: Branch) -> Cell:
        made: list[Type] = []

        def body(each: SQL) -> SQL:
            inner = self._thinned(Cell(each, element), part)
            made.append(inner.type)
            return inner.sql

        every = self._names.transformed(cell.sql, body)
        return Cell(every, ListOf(made[0]))


def members_of(cell: Cell) -> dict[str, Cell]:
    """The members of a struct by name."""
    assert isinstance(cell.type, Struct), "asked before"
    return {name: inner for name, _ in cell.type.members if (inner := cell.member(name)) is not None}


def built(members: Mapping[str, Cell]) -> Cell | None:
    """A struct of these members; None of none."""
    if not members:
        return None
    type_ = Struct(tuple((name, cell.type) for name, cell in members.items()))
    return Cell(sql.struct_of(*(cell.sql for cell in members.values())), type_)


def put(cell: Cell | None, path: Path, new: Cell, *, null_stays: bool = False) -> Cell:
    """A value with a path set. Raises `NotNative` where a list or a mixed value is on the way.

    Where there was no struct one is made, unless `null_stays`.
    """
    if not path:
        return new
    if cell is not None and (isinstance(cell.type, ListOf) or cell.type == JSON):
        raise NotNative("a value set inside a list")
    members = members_of(cell) if cell is not None and isinstance(cell.type, Struct) else {}
    made = built({**members, path[0]: put(members.get(path[0]), path[1:], new, null_stays=null_stays)})
    assert made is not None, "it has the member that was set"
    if null_stays and cell is not None:
        return Cell(sql.case([(sql.is_not_null(cell.sql), made.sql)]), made.type)
    return made


def _computes(part: Branch) -> bool:
    return any(
        not isinstance(each, Whole | Sliced | Found | Branch) or (isinstance(each, Branch) and _computes(each))
        for _, each in part.parts
    )
