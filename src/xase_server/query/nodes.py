"""Filters as typed nodes. A node is true or false for a row, never unknown (docs/spec/query.md, section 2)."""

from dataclasses import dataclass
from typing import Any

from xase_server.query.expressions import Expression
from xase_server.query.paths import Path


@dataclass(frozen=True, slots=True)
class Equal:
    """The value itself: a scalar, null, a whole list or a whole struct."""

    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    """`$gt $gte $lt $lte` against a value of the same family; `operator` is the name without `$`."""

    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class In:
    """One of the values, each as in `Equal`."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """A string in which a pattern of RE2 is found; options are inside the pattern."""

    pattern: Any


@dataclass(frozen=True, slots=True)
class Exists:
    """Anything but null."""


@dataclass(frozen=True, slots=True)
class Longer:
    """A list of more elements than this: so a position in it exists, also where the element is null."""

    count: Any


@dataclass(frozen=True, slots=True)
class TypeIs:
    """One of these types by the names that `$type` uses, aliases resolved."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """A list of exactly so many elements."""

    count: Any


@dataclass(frozen=True, slots=True)
class Modulo:
    """A number that leaves this remainder, both truncated toward zero."""

    divisor: Any
    remainder: Any


@dataclass(frozen=True, slots=True)
class Element:
    """A list in which one element meets the whole condition: a filter on structs, or `Is` tests on values."""

    condition: "Node"
    of_structs: bool


Test = Equal | Compare | In | Matches | Exists | Longer | TypeIs | Size | Modulo | Element


@dataclass(frozen=True, slots=True)
class At:
    """Some value reached by the path, or some element of it when it is a list, passes the test."""

    path: Path
    test: Test


@dataclass(frozen=True, slots=True)
class Is:
    """The value at hand passes the test, its elements not asked; only inside `Element`."""

    test: Test


@dataclass(frozen=True, slots=True)
class And:
    """All of them; all of none is true."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; any of none is false."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The exact complement."""

    item: "Node"


@dataclass(frozen=True, slots=True)
class Holds:
    """`$expr`: the expression's truth."""

    expression: Expression


Node = At | Is | And | Or | Not | Holds

TRUE = And(())
FALSE = Or(())
