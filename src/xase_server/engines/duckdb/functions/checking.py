"""What the functions share: errors that wait for a row, and values that are not what they should be."""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative, holds_mixed
from xase_server.engines.duckdb.sql import SQL
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, STRING, Scalar, Struct, Type

Compile = Callable[..., Cell]

# Errors that a query raises while it runs start with this, so that they are told from defects.
MARK: Final = "xase: "
_RANKS: Final = {INT: 1, FLOAT: 1, STRING: 2, BOOL: 5, DATE: 6}
_STRUCT_RANK: Final = 3
_LIST_RANK: Final = 4


def failing(message: str) -> SQL:
    """An expression that raises when it is evaluated."""
    return sql.call("error", sql.text(MARK + message))


def checked(condition: SQL, message: str, value: SQL) -> SQL:
    """The value, unless the condition holds for the row: then an error."""
    if condition is sql.FALSE:
        return value
    return sql.case([(condition, failing(message))], value)


def native(*cells: Cell) -> None:
    """Raise `NotNative` when a value's type is not known before its row is."""
    if any(holds_mixed(cell.type) for cell in cells):
        raise NotNative("an expression on values of mixed types")


def unused(*cells: Cell) -> None:
    """Raise `NotNative` when a value that the SQL does without could have been an error."""
    if any(map(may_fail, cells)):
        raise NotNative("an operand that is not needed but may have no value")


def may_fail(cell: Cell) -> bool:
    """Whether a value may be an error for some row."""
    return any(call.name == "error" for call in cell.sql.find_all(exp.Anonymous))


def rank(type_: Type) -> int:
    """The place of a type in the order of families, as `query.values.rank` has it."""
    if isinstance(type_, Scalar):
        return _RANKS[type_]
    return _STRUCT_RANK if isinstance(type_, Struct) else _LIST_RANK
