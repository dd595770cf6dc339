"""What the server needs of datasets: files become immutable versions, and versions are read on this node.

The version's Parquet file is the truth. What makes it fast (rows in a mapped file, ids, a database for
queries) lies beside it and can be built again from it at any time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import pyarrow as pa
from msgspec import Struct

from xase_server.ports.engines import Engine
from xase_server.query.schema import Schema
from xase_server.transforms.compiled import Transforms

Format = Literal["parquet", "arrow", "ndjson", "csv"]
FORMATS: Final[tuple[Format, ...]] = ("parquet", "arrow", "ndjson", "csv")

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Record numbers: the places of data records in a dataset version, from 0, in the order that is meant."""

Table = pa.Table
"""Rows of a version."""

RecordBatches = pa.RecordBatchReader
"""Rows of a version, batch by batch."""

TableSchema = pa.Schema
"""Their columns, as Arrow knows them."""

RECORD_ID: Final = "record_id"
"""The first column of every version: the data record's id as text, unique and never null."""


class IngestProblem(Exception):
    """The data cannot become a version; the message says why and where, and holds none of its values.

    `too_large` when a bound of size, columns or rows was passed.
    """

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.too_large = too_large


class VersionUnavailable(Exception):
    """The version's files cannot be read now: missing, damaged, or on a root that is away."""


class Progress(Struct, frozen=True):
    """How far an ingest has come; `total_bytes` is the size of the source."""

    rows: int
    bytes: int
    total_bytes: int


class Ingest(Struct, frozen=True, kw_only=True):
    """One file to become a version of a dataset.

    `format` None is found out from the content, then from the name. `id_field` is a dotted path of a
    scalar column (None: a column `record_id` where there is one, else ids are derived from the place,
    keyed by the dataset). `base` is the version that the file's rows are appended to. `scrub` names, for
    fields of free text, the kinds of personal data that are replaced in them.
    """

    dataset_id: str
    number: int
    source: Path
    format: Format | None = None
    id_field: str | None = None
    base: int | None = None
    scrub: Mapping[str, tuple[str, ...]] = {}


class RiskQuestion(Struct, frozen=True):
    """By which fields somebody could recognise a record, and which of its fields they must not learn; dotted paths.

    Where `subject` names the person of each record, persons are counted, and else records.
    """

    quasi_identifiers: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    subject: str | None = None


class Anonymity(Struct, frozen=True, kw_only=True):
    """A version to be made less telling until `k` persons or records of each class look alike.

    `l`: and each class holds so many values of each sensitive field. `suppression_max` is the share of records
    that may be left out for it. Fields `removed` and records `withheld`, by number, are not part of the result.
    """

    question: RiskQuestion
    k: int
    l: int | None = None  # noqa: E741 -- as everybody writes it
    suppression_max: float
    removed: tuple[str, ...] = ()
    withheld: tuple[int, ...] = ()


class Derive(Struct, frozen=True, kw_only=True):
    """A version of a dataset to be made from a version of another one."""

    dataset_id: str
    number: int
    base: tuple[str, int]
    anonymity: Anonymity


class Found(Struct, frozen=True, kw_only=True):
    """What an ingest found and made; its files are durable under their final name, in no list yet.

    `schema` is the JSON form of the columns (`datasets.types`), RECORD_ID first; `mixed` names the
    columns of mixed types, kept as JSON. `digest` is the Merkle root (RFC 9162) over the row groups
    of the Parquet file, as `sha256:…`; `bytes` its size; `id_field` the column that gave the ids. `risk` is the
    report of an anonymisation; `scrubbed` has, by field, `label`, `entities` and how many of each were `found`.
    """

    rows: int
    bytes: int
    digest: str
    schema: Sequence[Mapping[str, Any]]
    mixed: tuple[str, ...] = ()
    id_field: str | None = None
    risk: Mapping[str, Any] | None = None
    scrubbed: Mapping[str, Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Edit:
    """How a version is to be changed for somebody: `columns` are the top-level ones that are wanted afterwards.

    Equal edits of one version have the same `name`, others another.
    """

    name: str
    transforms: Transforms
    columns: tuple[str, ...]


class Version(Protocol):
    """One immutable version, opened for reading; safe for use from many threads, until it is closed."""

    @property
    def rows(self) -> int:
        """How many data records there are; their numbers are 0 to rows - 1."""
        ...

    @property
    def schema(self) -> Schema:
        """Every column's type, RECORD_ID first."""
        ...

    @property
    def engine(self) -> Engine:
        """Runs queries over all rows and columns; what a caller may see is the plan's business."""
        ...

    def number_of(self, record_id: str) -> int | None:
        """The number of one data record, or None."""
        ...

    def numbers_of(self, record_ids: Sequence[str]) -> Sequence[int | None]:
        """The numbers of data records, in the order asked, None for an unknown one."""
        ...

    def take(self, numbers: Numbers, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows with these numbers, in this order; only these top-level columns unless None."""
        ...

    def slice(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows numbered `start` to `stop` - 1, without copying."""
        ...


class Library(Protocol):
    """The dataset versions of this node."""

    def resolve(self, source: str) -> Path:
        """The file that `ROOT/path/below` or `path/below` names under a configured storage root.

        Raises Refused (`validation_error` for `source`) for a path that leaves its root, an unknown
        root, a link, or no readable file; all of these alike.
        """
        ...

    def incoming(self) -> Path:
        """A fresh path for an upload, on the same file system as the versions; swept at start-up."""
        ...

    def ingest(self, wish: Ingest, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """Make the version's files from the source, in a process of bounded memory. Blocks; minutes for large data.

        On return they are durable and complete under their final name; before, nothing has that name.
        Repeating it replaces what an earlier attempt, whose result was not recorded, left. Raises
        IngestProblem.
        """
        ...

    def derive(self, wish: Derive, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """Make the version's files from another version, as `ingest` does; its record ids are those of the other.

        Raises IngestProblem when what was asked for cannot be reached, VersionUnavailable.
        """
        ...

    def risk(self, dataset_id: str, number: int, question: RiskQuestion) -> Mapping[str, Any]:
        """How easily records are recognised: see docs/spec/api.md, section 3. Blocks; raises VersionUnavailable."""
        ...

    def open(self, dataset_id: str, number: int) -> Version:
        """The version, kept open and shared; what was built beside the Parquet file is rebuilt when missing.

        Raises VersionUnavailable.
        """
        ...

    def edition(self, dataset_id: str, number: int, edit: Edit) -> Version:
        """The version with its values changed. Its record numbers and ids are those of the version.

        Its engine, narrowed by `seeing`, sees changed values; the condition on rows that it is narrowed by,
        and what it is asked before, are of the version's own. Raises VersionUnavailable.
        """
        ...

    def profile(self, dataset_id: str, number: int) -> Mapping[str, Any]:
        """Per field: nulls, distinct values (approximate), least, greatest, quantiles of numbers."""
        ...

    def sweep(self, known: Callable[[str, int], bool]) -> None:
        """Remove uploads and versions that no list knows: what a crash left. Called before any ingest."""
        ...

    def discard(self, dataset_id: str, number: int) -> None:
        """Remove a version's files; open readers end."""
        ...

    def close(self) -> None:
        """Close every open version."""
        ...
