"""What a projection keeps, drops and computes, as a tree over names."""

from dataclasses import dataclass

from xase_server.query.expressions import Expression
from xase_server.query.nodes import Element


@dataclass(frozen=True, slots=True)
class Whole:
    """The field as it is (or, in an exclusion, gone)."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """Some elements of a list: from `start` (negative: from the end), `count` of them (None: to the end)."""

    start: int
    count: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """The first element of a list that meets a condition, in a list of one; nothing where none does."""

    test: Element


@dataclass(frozen=True, slots=True)
class Branch:
    """Parts of the members below."""

    parts: tuple[tuple[str, "Part"], ...]


Part = Whole | Sliced | Found | Branch | Expression


@dataclass(frozen=True, slots=True)
class Projection:
    """Either nothing but the parts (`exclude` false), or everything but them."""

    exclude: bool
    parts: tuple[tuple[str, Part], ...]


EVERYTHING = Projection(exclude=True, parts=())
