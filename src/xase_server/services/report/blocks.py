"""What a report consists of: each kind of block is set once for the screen and once for paper."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Strong(str):
    """Words that the eye should find."""

    __slots__ = ()


class Code(str):
    """An id, a hash, a path."""

    __slots__ = ()


Text = Sequence[str]
"""A sentence in pieces, some of them `Strong` or `Code`."""


class Kind(StrEnum):
    """How the values of a column are set."""

    TEXT = "text"
    CODE = "code"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or a few; `soft` ones are asides."""

    text: Text
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Numbers:
    """Figures that stand for the whole: what, how many."""

    figures: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one thing to the next: the kind of each stage, and which one."""

    stages: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts side by side: the label of each, in order. `about` says in words what is to be seen."""

    about: str
    counts: Sequence[tuple[str, int]]
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lanes:
    """What happened when: in each lane a count for every stretch of the time between two ends."""

    about: str
    lanes: Sequence[tuple[str, Sequence[int]]]
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows; of `total` that there are, the first ones."""

    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[str]]
    total: int

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are shown."""
        return self.total > len(self.rows)


@dataclass(frozen=True, slots=True)
class Rules:
    """Sentences, each followed by what belongs to it."""

    sentences: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type."""

    lines: Sequence[str]


Block = Paragraph | Numbers | Path | Bars | Lanes | Table | Rules | Commands


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading of their own."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading, what stands right below it, and its sections."""

    title: Text
    blocks: Sequence[Block] = ()
    sections: Sequence[Section] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """A whole report. `made` says when and why the bundle was made."""

    bundle_id: str
    title: str
    made: Text
    lead: Sequence[Block]
    chapters: Sequence[Chapter] = field(default=())
