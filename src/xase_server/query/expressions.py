"""Expressions as typed nodes: the second language, with its own rules (docs/spec/query.md, section 2)."""

from dataclasses import dataclass
from typing import Any

from xase_server.query.paths import Path


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """`$a.b`, or `$$name.a.b` when a variable is named; the whole row when the path is empty."""

    path: Path
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """A struct made of named expressions."""

    items: tuple[tuple[str, "Expression"], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list made of expressions."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An operator and its operands, in the order of the operator table; the name is without `$`."""

    operator: str
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """The value of the first branch whose condition holds; without a default, no branch is an error."""

    branches: tuple[tuple["Expression", "Expression"], ...]
    default: "Expression | None"


@dataclass(frozen=True, slots=True)
class Each:
    """`$map` and `$filter`: the body for each element, named `variable`, of the input list."""

    operator: str
    source: "Expression"
    variable: str
    body: "Expression"


@dataclass(frozen=True, slots=True)
class Fold:
    """`$reduce`: the body, with `$$value` and `$$this`, over the input list."""

    source: "Expression"
    initial: "Expression"
    body: "Expression"


@dataclass(frozen=True, slots=True)
class Let:
    """`$let`: the body with named values at hand."""

    variables: tuple[tuple[str, "Expression"], ...]
    body: "Expression"


@dataclass(frozen=True, slots=True)
class FormatDate:
    """`$dateToString`: the format is known beforehand, the date is not."""

    pattern: tuple[str, ...]
    date: "Expression"
    otherwise: "Expression"


Expression = Literal | Field | Members | Items | Call | Switch | Each | Fold | Let | FormatDate
