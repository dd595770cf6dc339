"""Data records as they were delivered: a sequence of objects for people, columns for machines.

They came either as JSON or as Arrow. Both read the same: what is a null in Arrow is an absent key, and
a time is text. Arrow is made from JSON when it is asked for, and objects from Arrow when they are.
"""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12; these are all methods of `Sequence`.

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, overload

from xase.models.model import Document, Model

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

M = TypeVar("M", bound=Model)

RECORD_ID: Final = "record_id"


class DataRecord(Document):
    """One row of a dataset: `record.age` and `record["age"]` are the same value.

    A null in the dataset is an absent field: `record.get("age")` is None then, `record.age` an
    AttributeError that says so. `record_id` is always there. Its repr shows no other value.
    """

    __slots__ = ()

    record_id: str

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):
                raise
            raise AttributeError(
                f"this data record has no field {name!r}: it is null there, or the session does not see it; "
                f"record.get({name!r}) is None for both"
            ) from None

    def __repr__(self) -> str:
        return f"DataRecord(record_id={self.get(RECORD_ID)!r}, {', '.join(name for name in self if name != RECORD_ID)})"


class Rows(Sequence[M], Generic[M]):
    """Rows that came in one answer: a sequence of objects, and a table for whatever reads Arrow."""

    _kind: ClassVar[type[Model]] = Document

    def __init__(self, rows: "Sequence[Mapping[str, Any]] | pa.RecordBatch") -> None:
        self._rows = rows

    @cached_property
    def _objects(self) -> Sequence[Mapping[str, Any]]:
        if isinstance(self._rows, Sequence):
            return self._rows
        from xase.models.tables import objects

        return objects(self._rows)

    @cached_property
    def _table(self) -> "pa.Table":
        from xase.models.tables import as_table

        return as_table(self._rows)

    @property
    def columns(self) -> list[str]:
        """The names of the fields, in the order in which they came; of JSON those that some row has."""
        if isinstance(self._rows, Sequence):
            return list(dict.fromkeys(name for row in self._rows for name in row))
        return list(self._rows.schema.names)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> M: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[M, ...]: ...
    def __getitem__(self, index: int | slice) -> M | tuple[M, ...]:
        if isinstance(index, slice):
            return tuple(self._make(each) for each in self._objects[index])
        return self._make(self._objects[index])

    def __iter__(self) -> Iterator[M]:
        return map(self._make, self._objects)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"

    def _make(self, fields: Mapping[str, Any]) -> M:
        return self._kind(fields)  # type: ignore[return-value] # each subclass names the kind of its parameter

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dictionaries, the caller's own copy."""
        return [each.to_dict() for each in self]

    def to_arrow(self) -> "pa.Table":
        """The rows as an Arrow table. Raises ConfigurationError without pyarrow."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """The rows as a pandas data frame. Raises ConfigurationError without pandas or pyarrow."""
        from xase.models.tables import need

        need("pandas")
        return self._table.to_pandas()

    def to_polars(self) -> "pl.DataFrame":
        """The rows as a polars data frame. Raises ConfigurationError without polars or pyarrow."""
        from xase.models.tables import need

        frame: pl.DataFrame = need("polars").from_arrow(self._table)
        return frame

    def to_torch(self) -> dict[str, Any]:
        """A tensor for each column of numbers or truth values, by name; members of structs as `lab_results.glucose`.

        Whole numbers with nulls become floating, nulls NaN. Columns of anything else are lists, nulls
        None. Raises ConfigurationError without torch or pyarrow.
        """
        from xase.models.tensors import tensors

        return tensors(self._table)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        stream: object = self._table.__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call] # the stubs'
        return stream


class DataRecords(Rows[DataRecord]):
    """Data records that came in one answer."""

    _kind: ClassVar = DataRecord

    @property
    def record_ids(self) -> list[str]:
        """The records' ids, in their order."""
        if isinstance(self._rows, Sequence):
            return [str(each[RECORD_ID]) for each in self._rows]
        return [str(each) for each in self._rows.column(RECORD_ID).to_pylist()]


class Batch(DataRecords):
    """One batch of a stream: data records that were released together.

    `batch_id` names the release in the ledger. `cursor` is where the batch began (None for the
    beginning), `next_cursor` where the next one does, None after the last.
    """

    def __init__(
        self,
        rows: "Sequence[Mapping[str, Any]] | pa.RecordBatch",
        *,
        batch_id: str,
        cursor: str | None = None,
        next_cursor: str | None = None,
    ) -> None:
        super().__init__(rows)
        self.batch_id = batch_id
        self.cursor = cursor
        self.next_cursor = next_cursor

    @property
    def has_more(self) -> bool:
        """Whether another batch follows."""
        return self.next_cursor is not None

    def __repr__(self) -> str:
        return f"Batch({self.batch_id}, {len(self)} records)"


class Records(DataRecords):
    """The data records that a filter answered: as many of `total_matched` as were asked for."""

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        total_matched: int | None = None,
        has_more: bool = False,
        next_cursor: str | None = None,
        batch_id: str | None = None,
    ) -> None:
        super().__init__(rows)
        self.total_matched = total_matched
        self.has_more = has_more
        self.next_cursor = next_cursor
        self.batch_id = batch_id

    def __repr__(self) -> str:
        return f"Records({len(self)} of {self.total_matched})"


class Transformed(DataRecords):
    """Data records after a transformation. `transformation_id` names it in the ledger."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], *, transformation_id: str, evidence_url: str | None = None
    ) -> None:
        super().__init__(rows)
        self.transformation_id = transformation_id
        self.evidence_url = evidence_url


class Aggregation(Rows[Document]):
    """The results of a pipeline, each a mapping. `aggregation_id` and `evidence_id` name it in the ledger.

    Where they bear noise, `epsilon` is what they cost, `epsilon_spent` what all answers about the dataset have cost
    with them, and `epsilon_left` what is left for everybody; else these are None.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        aggregation_id: str | None = None,
        evidence_id: str | None = None,
        epsilon: float | None = None,
        epsilon_spent: float | None = None,
        epsilon_left: float | None = None,
    ) -> None:
        super().__init__(rows)
        self.aggregation_id = aggregation_id
        self.evidence_id = evidence_id
        self.epsilon = epsilon
        self.epsilon_spent = epsilon_spent
        self.epsilon_left = epsilon_left
