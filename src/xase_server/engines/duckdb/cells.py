"""A value in SQL together with its type, and the rows that cells make up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql as build
from xase_server.engines.duckdb.sql import SQL, member
from xase_server.query.schema import JSON, NULL, ListOf, Struct, Type


class NotNative(Exception):
    """DuckDB's static types cannot say this part of a query; the message says which part."""


def holds_mixed(type_: Type) -> bool:
    """Whether values of mixed types are in values of a type."""
    if isinstance(type_, ListOf):
        return holds_mixed(type_.element)
    return any(holds_mixed(member_) for _, member_ in type_.members) if isinstance(type_, Struct) else type_ == JSON


@dataclass(frozen=True, slots=True)
class Cell:
    """One SQL expression and the type of its values."""

    sql: SQL
    type: Type

    def member(self, name: str) -> "Cell | None":
        """A struct's member, or None when the struct has no such member."""
        if isinstance(self.type, Struct):
            for position, (own, type_) in enumerate(self.type.members):
                if own == name:
                    return NOTHING if type_ == NULL else Cell(member(self.sql, position), type_)
        return None


# What a column without values holds, whatever type it is stored as.
NOTHING: Final = Cell(build.NULL, NULL)


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a relation by the names that callers use."""

    columns: Mapping[str, Cell]

    def member(self, name: str) -> Cell | None:
        """The column of that name, or None."""
        return self.columns.get(name)

    @property
    def type(self) -> Struct:
        """The type of a row."""
        return Struct(tuple((name, cell.type) for name, cell in self.columns.items()))


def select(*columns: tuple[SQL, str]) -> exp.Select:
    """A SELECT of expressions under names of ours."""
    return exp.Select(expressions=[exp.alias_(sql, name, quoted=True) for sql, name in columns])
