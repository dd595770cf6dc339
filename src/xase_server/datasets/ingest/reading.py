"""What every format offers: the columns that the whole file has, then its rows, batch by batch."""

from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

from xase_server.query.schema import Schema

Report = Callable[[int, int], None]
"""Is told the rows and bytes that were read so far."""


class Reading(Protocol):
    """One source, looked through as far as needed to know its columns."""

    @property
    def schema(self) -> Schema:
        """The type of every column, true for every row."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, as `schema` says. Raises IngestProblem; its message holds no values."""
        ...
