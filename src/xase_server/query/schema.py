"""The declared type of every path of a dataset, and the part of it that one caller may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The kinds of single values. `NULL` is a column without any value, `JSON` one of mixed types."""

    NULL = "null"
    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    STRING = "string"
    DATE = "date"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements have one type."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Struct:
    """Named members in the order of their declaration; a whole dataset is one, too.

    An open struct may have any other member as well: what a pipeline made of values not known beforehand.
    """

    members: tuple[tuple[str, "Type"], ...]
    open: bool = False

    def member(self, name: str) -> "Type | None":
        """The type of one member, or None when there is no such member."""
        return next((type_ for own, type_ in self.members if own == name), JSON if self.open else None)


Type = Scalar | ListOf | Struct
Schema = Struct

NULL = Scalar(Kind.NULL)
BOOL = Scalar(Kind.BOOL)
INT = Scalar(Kind.INT)
FLOAT = Scalar(Kind.FLOAT)
STRING = Scalar(Kind.STRING)
DATE = Scalar(Kind.DATE)
JSON = Scalar(Kind.JSON)


def struct(members: Mapping[str, Type]) -> Struct:
    """A struct from a mapping."""
    return Struct(tuple(members.items()))


def resolve(type_: Type, path: tuple[str, ...], *, in_filter: bool) -> Type | None:
    """The type found at a path, or None when no field is there; below a JSON column every path may exist.

    Lists are passed through. A filter asks each element, and a number may be a position in a list; an
    expression collects, so that there the answer is again a list.
    """
    if not path or type_ == JSON:
        return type_
    if isinstance(type_, Struct):
        member = type_.member(path[0])
        return None if member is None else resolve(member, path[1:], in_filter=in_filter)
    if isinstance(type_, ListOf):
        return _in_elements(type_.element, path) if in_filter else _collected(type_.element, path)
    return None


def _in_elements(element: Type, path: tuple[str, ...]) -> Type | None:
    at_position = resolve(element, path[1:], in_filter=True) if is_index(path[0]) else None
    return at_position or (None if isinstance(element, ListOf) else resolve(element, path, in_filter=True))


def _collected(element: Type, path: tuple[str, ...]) -> Type | None:
    inside = None if isinstance(element, ListOf) else resolve(element, path, in_filter=False)
    if inside is None and is_index(path[0]):  # here a number is a name, which no element has
        return ListOf(NULL)
    return None if inside is None else ListOf(inside)


def spreads(type_: Type, path: tuple[str, ...]) -> bool:
    """Whether a path of a filter or sort may reach several values: through a list, or with a list at its end."""
    if isinstance(type_, ListOf):
        return not (path and is_index(path[0])) or spreads(type_.element, path[1:])
    member = type_.member(path[0]) if isinstance(type_, Struct) and path else None
    return member is not None and spreads(member, path[1:])


def parallel(type_: Type, paths: Sequence[tuple[str, ...]]) -> bool:
    """Whether paths of a sort go through different lists: then no element says which values belong together."""
    spread = [path for path in paths if spreads(type_, path)]
    if len(spread) < 2:  # noqa: PLR2004 - one alone has nothing beside it
        return False
    if isinstance(type_, ListOf):
        return any(path and is_index(path[0]) for path in spread) or parallel(type_.element, list(filter(None, spread)))
    names = {path[0] for path in spread}
    inside = type_.member(names.pop()) if isinstance(type_, Struct) else None
    return bool(names) or inside is None or parallel(inside, [path[1:] for path in spread])


_INDEX_DIGITS = 9


def is_index(step: str) -> bool:
    """Whether a step of a path reads as a position in a list: `0`, `12`."""
    return step.isascii() and step.isdigit() and len(step) <= _INDEX_DIGITS and (step == "0" or step[0] != "0")
