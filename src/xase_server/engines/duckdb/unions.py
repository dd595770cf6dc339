"""One SQL type for several cells: what a column, a list or the branches of a condition can hold together."""

from collections.abc import Sequence

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.sql import FALSE, SQL
from xase_server.query.schema import BOOL, FLOAT, INT, JSON, NULL, Kind, ListOf, Scalar, Struct, Type


def unified(types: Sequence[Type]) -> Type:
    """The type that holds values of all these types; mixed scalars become JSON. Raises `NotNative`."""
    real = [type_ for type_ in dict.fromkeys(types) if type_ != NULL]
    if len(real) <= 1:
        return real[0] if real else NULL
    if set(real) == {INT, FLOAT}:
        return FLOAT
    if all(isinstance(type_, ListOf) for type_ in real):
        return ListOf(unified([type_.element for type_ in real if isinstance(type_, ListOf)]))
    structs = [type_ for type_ in real if isinstance(type_, Struct)]
    if len(structs) == len(real) and len({tuple(name for name, _ in type_.members) for type_ in structs}) == 1:
        columns = zip(*(type_.members for type_ in structs), strict=True)
        return Struct(tuple((column[0][0], unified([type_ for _, type_ in column])) for column in columns))
    if {INT, FLOAT} <= set(real):  # as JSON 1 and 1.0 would differ
        raise NotNative("integers, floats and others in one place")
    if all(isinstance(type_, Scalar) and type_.kind is not Kind.DATE for type_ in real):
        return JSON
    raise NotNative("values of several types in one place")


def converted(cell: Cell, type_: Type) -> SQL:
    """A cell's value as a wider type made by `unified`."""
    if cell.type in {type_, NULL}:
        return cell.sql
    if cell.type == ListOf(NULL):  # stored as a list of anything
        return cell.sql if _ends_in_struct(type_) else sql.cast(cell.sql, sql.type_name(type_))
    if type_ == JSON:
        return sql.call("to_json", cell.sql)
    return sql.cast(cell.sql, sql.type_name(type_)) if _castable(cell.type, type_) else _refuse()


def _ends_in_struct(type_: Type) -> bool:
    return _ends_in_struct(type_.element) if isinstance(type_, ListOf) else isinstance(type_, Struct)


def _castable(own: Type, wider: Type) -> bool:
    if wider == JSON:
        return own in {JSON, NULL}
    if isinstance(own, ListOf) and isinstance(wider, ListOf):
        return _castable(own.element, wider.element)
    return not isinstance(own, Struct)


def _refuse() -> SQL:
    raise NotNative("structs of several types in one place")


def joined(cells: Sequence[Cell]) -> tuple[list[SQL], Type]:
    """The values of cells as one type. Raises `NotNative`."""
    type_ = unified([cell.type for cell in cells])
    return [converted(cell, type_) for cell in cells], type_


def is_number(type_: Type) -> bool:
    """Whether values of a type are numbers."""
    return type_ in {INT, FLOAT}


def truth(cell: Cell) -> SQL:
    """A condition that holds where a value counts as true (rule 13); NULL counts as false."""
    if cell.type == BOOL:
        return cell.sql
    if cell.type == JSON:
        raise NotNative("the truth of values of mixed types")
    if cell.type == NULL:
        return FALSE
    if is_number(cell.type):
        return exp.NEQ(this=sql.paren(cell.sql), expression=sql.number(0))
    return sql.is_not_null(cell.sql)
