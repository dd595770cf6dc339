"""Where the values of an array stand: which row each belongs to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from xase_server.delivery.nesting import Array
from xase_server.delivery.numbers import run_of
from xase_server.transforms.numbered import Coded, FindNumbered, nothing_numbered

Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Places:
    """The rows of a table to which values belong. `rows` None: each row has one value, in order.

    `numbered` knows the version's columns, where `numbers` are of one.
    """

    table: pa.Table
    numbers: Integers | range
    rows: Integers | None = None
    numbered: FindNumbered = nothing_numbered

    def inside(self, offsets: Any) -> "Places":
        """The places of the values of lists with these offsets, one list for each value here."""
        rows = np.arange(len(offsets) - 1) if self.rows is None else self.rows
        return Places(self.table, self.numbers, np.repeat(rows, np.diff(offsets)), self.numbered)

    @property
    def run(self) -> range | None:
        """The record numbers, where each is the one before and one."""
        return self.numbers if isinstance(self.numbers, range) else run_of(self.numbers)

    @property
    def own_numbers(self) -> Integers:
        """The record number of each value."""
        numbers = np.asarray(self.numbers, np.int64)
        return numbers if self.rows is None else numbers[self.rows]

    @property
    def ordinals(self) -> Integers:
        """How many values of the same record come before each."""
        if self.rows is None:
            return np.zeros(len(self.numbers), np.int64)
        return np.arange(len(self.rows)) - np.searchsorted(self.rows, self.rows)

    def codes(self, path: str) -> Coded | None:
        """The column at a path without lists, and which of its values each row has; None where it is not numbered."""
        column = self.numbered(path)
        if column is None:
            return None
        run = self.run
        return Coded(column, column.codes[self.numbers] if run is None else column.codes[run.start : run.stop])

    def own_codes(self, path: str) -> Coded | None:
        """`codes` of the values that these are the places of."""
        return self.codes(path) if self.rows is None else None

    def spread(self, array: Array) -> Array:
        """Something known of each row, for each value."""
        return array if self.rows is None else array.take(pa.array(self.rows))


def at(table: pa.Table, path: tuple[str, ...]) -> Array:
    """The column at a path of members, null wherever something above it is."""
    found = whole(table.column(path[0]))
    for name in path[1:]:
        place = found.type.get_field_index(name)
        found = found.flatten()[place]
    return found


def whole(column: Any) -> Array:
    """A column in one piece; without copying where it is in one already."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()
