"""What every format offers: the columns that the whole file has, then its rows, batch by batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from xase_server.ports.datasets import IngestProblem
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


@contextmanager
def sound(noun: str) -> Iterator[None]:
    """What a decoder cannot read is an IngestProblem; its own words may hold values and are not passed on."""
    try:
        yield
    except MemoryError:  # Arrow's is one of its other errors, too
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise IngestProblem(f"The {noun} is damaged, or uses what is not supported") from None
