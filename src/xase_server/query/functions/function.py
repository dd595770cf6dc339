"""What an operator of the expression language is."""

from collections.abc import Callable
from dataclasses import dataclass

from xase_server.query.values import Value


@dataclass(frozen=True, slots=True)
class Function:
    """A function of evaluated operands, and how many it takes; `most` None is any number."""

    apply: Callable[..., Value]
    least: int
    most: int | None
