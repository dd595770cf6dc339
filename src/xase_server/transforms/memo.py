"""What was made of the values of a column lately, so that a stream of batches does not make it again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from xase_server.delivery.nesting import Array
from xase_server.transforms.numbered import Coded, Numbered

Results = np.ndarray[Any, np.dtype[Any]]
"""One for each value, in the same order."""

Places = np.ndarray[Any, np.dtype[np.integer[Any]]]

Present = np.ndarray[Any, np.dtype[np.bool_]] | None
"""Which rows have a value; None where all have."""

_MOST_BYTES: Final = 16 << 20
"""Of what is known of one column by its values: all of it is passed through for every batch."""

_MOST_JOINED: Final = 1 << 30
"""Of a batch, which must have room beside what is known in one array of Arrow's."""

_WORTH: Final = 16
"""What is known of a column is passed through for each batch: a batch of less than its 16th part does without."""


class Kept(Protocol):
    """What a memory keeps."""

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        ...


class Known(NamedTuple):
    """Different values, none of them null, and what was made of each."""

    values: Array
    results: Results

    @property
    def bytes(self) -> int:
        """See `Kept`."""
        return int(self.values.nbytes) + self.results.nbytes


class Changed(NamedTuple):
    """What each of a column's numbered values becomes."""

    values: Array

    @property
    def bytes(self) -> int:
        """See `Kept`."""
        return int(self.values.nbytes)


class Table(NamedTuple):
    """For each of a column's numbered values what was made of it, where `made` says that it was."""

    results: Results
    made: Results

    @property
    def bytes(self) -> int:
        """See `Kept`."""
        return self.results.nbytes + self.made.nbytes


class Found(NamedTuple):
    """Results, and for each row the place of its own; where no value is present the place means nothing."""

    results: Results
    places: Places
    present: Present


class Memory:
    """Room for what memos know, for any number of threads; what was used longest ago makes way."""

    def __init__(self, most_bytes: int = 256 << 20) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable) -> Any:
        """What is known under the name."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def put(self, name: Hashable, known: Kept) -> None:
        """Keep it in place of what was there."""
        with self._lock:
            before = self._kept.pop(name, None)
            self._kept[name] = known
            self._bytes += known.bytes - (before.bytes if before else 0)
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1].bytes


class Memo:
    """Results by value. Memos of one name share what they know, so they must make the same of a value.

    Values that are numbered are looked up by their numbers. Others are told apart by Arrow, in one pass over
    those that are known and those that come.
    """

    def __init__(self, make: Callable[[Array], Results], memory: Memory, name: Hashable, dtype: str = "O") -> None:
        self._make = make
        self._memory = memory
        self._name = name
        self._dtype = np.dtype(dtype)

    def of(self, array: Array) -> Found:
        """What is made of these values."""
        name = (self._name, array.type)
        known = self._memory.get(name)
        if known is not None and len(known.values) <= _WORTH * len(array) and array.nbytes <= _MOST_JOINED:
            return self._beside(known, array, name)
        encoded = array.dictionary_encode()
        results = self._make(encoded.dictionary)
        if known is None:
            self._keep(name, Known(encoded.dictionary, results))
        return _found(results, encoded.indices)

    def _beside(self, known: Known, array: Array, name: Hashable) -> Found:
        encoded = pa.concat_arrays([known.values, array]).dictionary_encode()
        new = encoded.dictionary.slice(len(known.values))
        results = known.results
        if len(new):
            results = np.concatenate([results, self._make(new)])
            self._keep(name, Known(encoded.dictionary, results))
        return _found(results, encoded.indices.slice(len(known.values)))

    def _keep(self, name: Hashable, known: Known) -> None:
        if known.bytes <= _MOST_BYTES:
            self._memory.put(name, known)

    def of_coded(self, coded: Coded) -> Found:
        """What is made of the values with these codes; what no row asks for is not made."""
        column, codes = coded
        table = self._table(column)
        if not table.made.all():
            new = np.unique(codes[~table.made[codes]])
            table.results[new] = self._make(column.values.take(pa.array(new)))
            table.made[new] = True  # after its result: another thread may read both
        return Found(table.results, codes, None if column.null is None else codes != column.null)

    def _table(self, column: Numbered) -> Table:
        name = (self._name, column.name)
        table: Table | None = self._memory.get(name)
        if table is None:
            count = len(column.values)
            table = Table(np.zeros(count, self._dtype), np.zeros(count, np.bool_))
            if column.null is not None:
                table.made[column.null] = True
            self._memory.put(name, table)
        return table


class Labels:
    """A change that depends on the value alone, of values that are numbered done once for all of them."""

    def __init__(self, change: Callable[[Array], Array], memory: Memory, name: Hashable) -> None:
        self._change = change
        self._memory = memory
        self._name = name

    def of(self, array: Array, coded: Coded | None) -> Array:
        """The array changed; `coded` are its own values, where they are numbered."""
        if coded is None:
            return self._change(array)
        column, codes = coded
        name = (self._name, column.name)
        known: Changed | None = self._memory.get(name)
        if known is None:
            if len(column.values) > _WORTH * len(codes):
                return self._change(array)
            known = Changed(self._change(column.values))
            self._memory.put(name, known)
        return known.values.take(pa.array(codes))


def _found(results: Results, places: Array) -> Found:
    present = places.is_valid().to_numpy(zero_copy_only=False) if places.null_count else None
    return Found(results, places.fill_null(0).to_numpy(), present)
