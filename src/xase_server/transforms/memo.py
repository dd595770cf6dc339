"""What was made of the values of a column lately, so that a stream of batches does not make it again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from xase_server.delivery.nesting import Array

Results = np.ndarray[Any, np.dtype[Any]]
"""One for each value, in the same order."""

_MOST_BYTES: Final = 16 << 20
"""Of what is known of one column."""

_MOST_JOINED: Final = 1 << 30
"""Of a batch, which must have room beside what is known in one array of Arrow's."""

_WORTH: Final = 16
"""What is known is passed through for every batch: for one of fewer values than its 16th part, all are made anew."""


class Known(NamedTuple):
    """Different values, none of them null, and what was made of each."""

    values: Array
    results: Results

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return int(self.values.nbytes) + self.results.nbytes


class Memory:
    """Room for what memos know, for any number of threads; what was used longest ago makes way."""

    def __init__(self, most_bytes: int = 256 << 20) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Hashable, Known] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable) -> Known | None:
        """What is known under the name."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def put(self, name: Hashable, known: Known) -> None:
        """Keep it in place of what was there."""
        with self._lock:
            self._kept[name] = known
            self._kept.move_to_end(name)
            while sum(each.bytes for each in self._kept.values()) > self._most:
                self._kept.popitem(last=False)


class Memo:
    """Results by value. Memos of one name share what they know, so they must make the same of a value.

    Values are told apart by Arrow alone, in one pass over those that are known and those that come.
    """

    def __init__(self, make: Callable[[Array], Results], memory: Memory, name: Hashable) -> None:
        self._make = make
        self._memory = memory
        self._name = name

    def of(self, array: Array) -> tuple[Results, Array]:
        """Results of different values, and for each value of the array the place of its own; null for null."""
        name = (self._name, array.type)
        known = self._memory.get(name)
        if known is not None and len(known.values) <= _WORTH * len(array) and array.nbytes <= _MOST_JOINED:
            return self._beside(known, array, name)
        encoded = array.dictionary_encode()
        results = self._make(encoded.dictionary)
        if known is None:
            self._keep(name, Known(encoded.dictionary, results))
        return results, encoded.indices

    def _beside(self, known: Known, array: Array, name: Hashable) -> tuple[Results, Array]:
        encoded = pa.concat_arrays([known.values, array]).dictionary_encode()
        new = encoded.dictionary.slice(len(known.values))
        results = known.results
        if len(new):
            results = np.concatenate([results, self._make(new)])
            self._keep(name, Known(encoded.dictionary, results))
        return results, encoded.indices.slice(len(known.values))

    def _keep(self, name: Hashable, known: Known) -> None:
        if known.bytes <= _MOST_BYTES:
            self._memory.put(name, known)
