"""Records that look alike: equivalence classes, how large they are, and how many values of a field they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from xase_server.datasets.anonymity.columns import Codes, Column

_LARGEST: Final = 1 << 62
_DENSE: Final = 1 << 16


def classes(columns: Sequence[Codes], sizes: Sequence[int]) -> tuple[Codes, int]:
    """For each record the number of its class, counted from 0 without gaps, and how many there are.

    Records are of one class when they have the same codes in all columns; a column's codes are below its size.
    """
    key: Codes = columns[0].astype(np.int64)
    space = sizes[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        if space * size > _LARGEST:
            key, space = _closed_up(key, space)
        key, space = key * size + column, space * size
    return _closed_up(key, space)


def _closed_up(key: Codes, space: int) -> tuple[Codes, int]:
    if space > max(_DENSE, 4 * len(key)):
        found, key = np.unique(key, return_inverse=True)
        return key, len(found)
    taken = np.bincount(key, minlength=space) > 0
    return (np.cumsum(taken) - 1)[key], int(taken.sum())


@dataclass(frozen=True, slots=True)
class Held:
    """Which values of a field records have that were alike to begin with: distinct pairs of such a class and a value.

    Nulls are left out: that nothing is known of a record makes its class no more diverse.
    """

    owners: Codes
    codes: Codes
    size: int

    @classmethod
    def of(cls, owners: Codes, column: Column) -> "Held":
        """What the records of each class hold."""
        size, present = len(column.values), ~column.nulls
        pairs = np.unique(owners[present] * size + column.codes[present])
        return cls(pairs // size, pairs % size, size)

    def counts(self, joined: Codes, count: int) -> Codes:
        """How many distinct values there are in each of `count` classes, when class c has become part of joined[c]."""
        pairs = np.unique(joined[self.owners] * self.size + self.codes)
        return np.bincount(pairs // self.size, minlength=count)


@dataclass(frozen=True, slots=True)
class Need:
    """That a class holds at least so many values of a field."""

    held: Held
    least: int


@dataclass(frozen=True, slots=True)
class Profiles:
    """Records by what they are alike in to begin with; all that a search must look at.

    `codes` are those of each field, `records` how many records there are of each profile. `least` is how many
    records a class needs, `needs` what else.
    """

    codes: tuple[Codes, ...]
    records: Codes
    least: int
    needs: tuple[Need, ...]

    def good(self, joined: Codes, count: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which of `count` classes have all that they need, when profile p is in class joined[p]."""
        good = np.bincount(joined, self.records, minlength=count) >= self.least
        for need in self.needs:
            good &= need.held.counts(joined, count) >= need.least
        return good
