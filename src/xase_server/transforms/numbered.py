"""Columns whose different values are numbered, so that what is made of each has a place."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from xase_server.delivery.nesting import Array

Codes = np.ndarray[Any, np.dtype[np.int32]]

_NAMES: Final = itertools.count()


@dataclass(frozen=True, eq=False)
class Numbered:
    """A column of an opened version: its different values, at most one null among them, and each row's place in them.

    `name` is given once in the life of a process: what is remembered under it is never taken for another
    version's, nor for this one's when it was closed and opened again.
    """

    values: Array
    codes: Codes
    name: int = field(default_factory=lambda: next(_NAMES))

    @cached_property
    def null(self) -> int | None:
        """The place of null; None where every row has a value."""
        return int(np.argmax(self.values.is_null().to_numpy(zero_copy_only=False))) if self.values.null_count else None


class Coded(NamedTuple):
    """A numbered column, and the places of some rows' values in it."""

    column: Numbered
    codes: Codes


FindNumbered = Callable[[str], Numbered | None]
"""The column at a dotted path, if it is numbered."""


def nothing_numbered(_: str) -> None:
    """For rows that belong to no version, or are no longer as they are in it."""
