"""Whether two groups that were answered tell of few subjects by their difference (docs/spec/policy.md, section 7)."""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap64

from xase_server.delivery.numbers import Numbers


@dataclass(frozen=True, slots=True)
class Cell:
    """The records behind one group, and the subjects that they speak of, by their codes."""

    records: BitMap64
    subjects: BitMap64


class Cells:
    """Groups, by their size, so that only those of near size are compared.

    `codes` has for each record number a number for its subject. Two groups differ by their subjects or, where
    these are the same, by those of whom they have other records.
    """

    def __init__(self, codes: Numbers) -> None:
        self._codes = codes
        self._cells: list[Cell] = []

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, records: BitMap64) -> Cell:
        """The group of these records."""
        return Cell(records, BitMap64(self._subjects(records).tolist()))

    def add(self, cell: Cell) -> None:
        """Let later groups be compared with this one."""
        insort(self._cells, cell, key=_size)

    def has_near(self, cell: Cell, least: int) -> bool:
        """Whether a group differs from this one, by fewer than `least` subjects."""
        first = bisect_left(self._cells, _size(cell) - least + 1, key=_size)
        last = bisect_right(self._cells, _size(cell) + least - 1, key=_size)
        return any(0 < self._apart(cell, other) < least for other in self._cells[first:last])

    def _apart(self, one: Cell, other: Cell) -> int:
        """By how many subjects they differ; groups of other subjects have other records of at least these."""
        subjects = one.subjects.symmetric_difference_cardinality(other.subjects)
        return subjects or len(self._subjects(one.records ^ other.records))

    def _subjects(self, records: BitMap64) -> Numbers:
        return np.unique(self._codes[np.fromiter(records, dtype=np.int64, count=len(records))])


def _size(cell: Cell) -> int:
    return len(cell.subjects)
