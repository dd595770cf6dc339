"""Rows written as JSON once, and cut into lists afterwards."""

from typing import Final

import numpy as np
import pyarrow as pa

from xase_server.delivery.records import json_lines
from xase_server.query.schema import Schema

_LINE_FEED: Final = 10


class Lines:
    """The JSON of some rows; any stretch of them is a copy of their bytes, the same as `json_records` would give."""

    def __init__(self, table: pa.Table, types: Schema) -> None:
        lines = json_lines(table, types)
        self._ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == _LINE_FEED)  # JSON has none inside a value
        self._text = lines.replace(b"\n", b",")

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        """Bytes of memory that they hold."""
        return len(self._text) + self._ends.nbytes

    def between(self, start: int, stop: int) -> bytes:
        """The rows from `start` to before `stop`, of which there is at least one, as members of a list."""
        first = int(self._ends[start - 1]) + 1 if start else 0
        return self._text[first : int(self._ends[stop - 1])]
