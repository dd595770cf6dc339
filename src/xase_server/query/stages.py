"""Pipelines and finds as typed nodes. `$count`, `$sortByCount`, `$bucket`, `$set`, `$unset` are parsed into these."""

from dataclasses import dataclass
from typing import Final

from xase_server.query.expressions import Expression
from xase_server.query.nodes import Node
from xase_server.query.paths import Path
from xase_server.query.projection import Projection


@dataclass(frozen=True, slots=True)
class Match:
    """Keep the rows for which the filter is true."""

    filter: Node


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort."""

    path: Path
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """Order the rows; ties keep the order they came in."""

    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many rows."""

    count: int


@dataclass(frozen=True, slots=True)
class Skip:
    """All but the first so many rows."""

    count: int


@dataclass(frozen=True, slots=True)
class Accumulate:
    """One output field of a group."""

    name: str
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each different key, in the order in which keys appear."""

    key: Expression
    fields: tuple[Accumulate, ...]


@dataclass(frozen=True, slots=True)
class Crowds(Group):
    """A group as a policy has it, which no query can write: those of too few subjects are one group together.

    Few is fewer than `least` different values of one of `subjects`, null among them, in the rows of a key. The
    row of all such keys has `_id` null and `FEW` true; each row tells its subjects in `SUBJECTS`, the least over
    all of `subjects`.
    """

    subjects: tuple[Expression, ...]
    least: int


FEW: Final = ".few"
SUBJECTS: Final = ".subjects"
"""Names with a dot are no step of a path, so that no query can name them."""


@dataclass(frozen=True, slots=True)
class Reshape:
    """`$project`, `$unset`: keep or drop paths, compute others."""

    projection: Projection


@dataclass(frozen=True, slots=True)
class Assign:
    """`$addFields`: set paths to computed values, all computed from the row as it came."""

    fields: tuple[tuple[Path, Expression], ...]


@dataclass(frozen=True, slots=True)
class Unwind:
    """One row for each element of a list."""

    path: Path
    preserve: bool = False
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """Several pipelines over the same rows; one row with a list for each."""

    branches: tuple[tuple[str, tuple["Stage", ...]], ...]


@dataclass(frozen=True, slots=True)
class ReplaceRoot:
    """Each row becomes the struct that the expression gives."""

    root: Expression


@dataclass(frozen=True, slots=True)
class Sample:
    """So many rows, picked at random."""

    count: int


Stage = Match | Sort | Limit | Skip | Group | Reshape | Assign | Unwind | Facet | ReplaceRoot | Sample
Pipeline = tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Find:
    """A filter, an order and a window; `limit` 0 is no limit."""

    filter: Node
    sort: tuple[SortKey, ...] = ()
    skip: int = 0
    limit: int = 0
