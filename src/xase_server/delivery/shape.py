"""What may leave of a dataset: the fields that a contract permits, and of these what the caller asked for.

Two steps, the second on nothing but what the first left: the permitted members are picked, then the
projection keeps, drops or computes. So no projection can reach a member that is not permitted. Both work
on whole columns and share their memory; only `$slice` and expressions go row by row.

A path without a field gives nothing: what a projection asks below a scalar is passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, assert_never

import pyarrow as pa

from xase_server.delivery.mixed import projected_texts
from xase_server.delivery.nesting import Array, Column, around_members, around_values, chunked, dense, members
from xase_server.delivery.rows import rows_of
from xase_server.query.expressions import Expression
from xase_server.query.parse.projections import projected
from xase_server.query.projection import Branch, Part, Projection, Sliced, Whole
from xase_server.query.reshape import project
from xase_server.query.schema import JSON, ListOf, Scalar, Schema, Struct, Type

MAX_COMPUTED_ROWS: Final = 1_000

_Parts = tuple[tuple[str, Part], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """What leaves, and how it is made of what is read.

    `columns` are the top-level columns to be read; `types` the type of what leaves, the record id first;
    `fields` its dotted paths, sorted (with an expression: all that it could read). Where `computed`, only
    `rows` can make it.
    """

    columns: tuple[str, ...]
    types: Schema
    fields: tuple[str, ...]
    computed: bool
    permitted: Schema
    projection: Projection

    def apply(self, table: pa.Table) -> pa.Table:
        """The rows in this shape, sharing the table's memory wherever that is possible, without its metadata.

        Raises ValueError where the shape is `computed`.
        """
        if self.computed:
            raise ValueError("this shape is computed row by row")
        parts = dict(self.projection.parts)
        return pa.table({name: self._column(table, name, parts.get(name)) for name, _ in self.types.members})

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The Arrow schema that `apply` makes of tables with this one; raises as `apply` does."""
        return self.apply(schema.empty_table()).schema

    def rows(self, table: pa.Table) -> list[dict[str, Any]]:
        """The rows in this shape as values of the query language, null members absent.

        For at most MAX_COMPUTED_ROWS rows, ValueError beyond them. Raises EvaluationError.
        """
        if table.num_rows > MAX_COMPUTED_ROWS:
            raise ValueError(f"at most {MAX_COMPUTED_ROWS} rows are computed one by one")
        if not self.computed:
            return rows_of(self.apply(table), self.types)
        read = Struct(tuple(each for each in self.permitted.members if each[0] in self.columns))
        seen = pa.table({name: self._column(table, name, None) for name, _ in read.members})
        return [self._row(row) for row in rows_of(seen, read)]

    @property
    def _identity(self) -> str:
        return self.types.members[0][0]

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        made = {self._identity: None, **project(self.projection, row)}
        made[self._identity] = row[self._identity]
        left: dict[str, Any] = _present(made)
        return left

    def _column(self, table: pa.Table, name: str, part: Part | None) -> Column:
        type_ = self.permitted.member(name)
        assert type_ is not None, "what leaves is permitted"

        def change(array: Array) -> Array:
            seen = _permitted(array, type_)
            if part is None or name == self._identity:
                return seen
            return _without(seen, type_, part) if self.projection.exclude else _only(seen, type_, part)

        return chunked(table.column(name), change)


def shape_of(projection: Projection, permitted: Schema) -> Shape:
    """The shape of a projection over what a session may see; the first member of `permitted` always leaves."""
    computed = _holds(projection.parts, Sliced | Expression)
    if not computed:
        projection = Projection(projection.exclude, _existing(projection.parts, permitted))
    identity, others = permitted.members[0], projected(permitted, projection).members
    types = Struct((identity, *(each for each in others if each[0] != identity[0])))
    read = permitted if _holds(projection.parts, Expression) else types
    return Shape(
        columns=tuple(name for name, _ in read.members),
        types=types,
        fields=tuple(sorted({".".join(path) for path in _leaves(read)})),
        computed=computed,
        permitted=permitted,
        projection=projection,
    )


def _holds(parts: _Parts, kind: Any) -> bool:
    return any(_holds(part.parts, kind) if isinstance(part, Branch) else isinstance(part, kind) for _, part in parts)


def _existing(parts: _Parts, type_: Struct) -> _Parts:
    """The parts that name a field."""
    found = ((name, _part_of(part, type_.member(name))) for name, part in parts)
    return tuple((name, part) for name, part in found if part is not None)


def _part_of(part: Part, type_: Type | None) -> Part | None:
    while isinstance(type_, ListOf) and isinstance(part, Branch):
        type_ = type_.element
    if type_ is None or not isinstance(part, Branch) or type_ == JSON:
        return None if type_ is None else part
    return Branch(_existing(part.parts, type_)) if isinstance(type_, Struct) else None


def _leaves(type_: Type, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all single values; a struct without members is one itself, for its presence can be seen."""
    while isinstance(type_, ListOf):
        type_ = type_.element
    if isinstance(type_, Scalar) or not type_.members:
        yield path
        return
    for name, member in type_.members:
        yield from _leaves(member, (*path, name))


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _present(each) for name, each in value.items() if each is not None}
    return [_present(each) for each in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- on columns


def _permitted(array: Array, type_: Type) -> Array:
    """The array with no other members than those of the type, and with nothing of other rows in it."""
    match type_:
        case Struct():
            own = members(array)
            kept = {name: _permitted(own[name], member) for name, member in type_.members}
            same = list(kept) == list(own) and all(kept[name] is own[name] for name in own)
            return array if same else around_members(array, kept)
        case ListOf():
            return around_values(array, lambda values: _permitted(values, type_.element))
        case Scalar():
            return _detached(array)
        case _ as never:
            assert_never(never)


def _detached(array: Array) -> Array:
    """A dictionary and the buffers of a string view hold values of rows that do not leave: resolve them."""
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    return array.cast(pa.large_string()) if pa.types.is_string_view(array.type) else array


def _only(array: Array, type_: Type, part: Part) -> Array:
    """What an inclusion leaves; as in rows, a list loses the elements that have no members to keep."""
    if not isinstance(part, Branch):
        return array
    if isinstance(type_, ListOf):
        return dense(around_values(array, lambda values: _only(values, type_.element, part)))
    if not isinstance(type_, Struct):
        return projected_texts(array, part, exclude=False)
    own, inside = members(array), dict(type_.members)
    return around_members(array, {name: _only(own[name], inside[name], below) for name, below in part.parts})


def _without(array: Array, type_: Type, part: Part) -> Array:
    """What an exclusion below leaves."""
    assert isinstance(part, Branch), "a column that is dropped as a whole is not read"
    if isinstance(type_, ListOf):
        return around_values(array, lambda values: _without(values, type_.element, part))
    if not isinstance(type_, Struct):
        return projected_texts(array, part, exclude=True)
    own, below = members(array), dict(part.parts)
    kept = {name: member for name, member in type_.members if not isinstance(below.get(name), Whole)}
    return around_members(
        array, {name: _without(own[name], of, below[name]) if name in below else own[name] for name, of in kept.items()}
    )
