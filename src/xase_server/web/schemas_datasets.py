"""The shapes of answers about datasets."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from xase_server.domain.datasets import FieldClass
from xase_server.web.schemas import Count, Digest, Listing, Time

DatasetId = Annotated[str, Meta(pattern="^ds_[0-9a-f]{16}$")]


class Note(Struct):
    """What the holder says of a field."""

    class_: FieldClass = field(name="class")
    description: str | UnsetType = UNSET


class ReadingProgress(Struct):
    """How far the reading of new data has come."""

    rows: Count
    bytes: Count
    total_bytes: Count


class DatasetState(Struct):
    """A dataset; what only its holder sees is absent for others."""

    dataset_id: DatasetId
    organisation: Annotated[str, Meta(description="The holder.")]
    name: str
    status: Literal["PROCESSING", "READY", "FAILED", "ARCHIVED"]
    version: Annotated[int, Meta(ge=0, description="The newest that can be read; 0 before there is one.")]
    created_at: Time
    description: str | UnsetType = UNSET
    id_field: str | UnsetType = UNSET
    subject_field: str | UnsetType = UNSET
    policy_id: str | UnsetType = UNSET
    fields: dict[str, Note] | UnsetType = UNSET
    rows: Count | UnsetType = UNSET
    bytes: Count | UnsetType = UNSET
    digest: Digest | UnsetType = UNSET
    failure: Annotated[str, Meta(description="Why no data could be read.")] | UnsetType = UNSET
    last_failure: Annotated[str, Meta(description="Why the last new data could not be read.")] | UnsetType = UNSET
    progress: ReadingProgress | UnsetType = UNSET


class DatasetList(Listing):
    """A page of datasets, in the order of their registration."""

    data: list[DatasetState]


class DatasetVersion(Struct):
    """One immutable version of a dataset."""

    dataset_id: DatasetId
    version: Annotated[int, Meta(ge=1)]
    mode: Literal["append", "replace"]
    rows: Count
    bytes: Count
    digest: Annotated[Digest, Meta(description="Merkle root over the row groups of its file.")]
    created_at: Time
    id_field: str | UnsetType = UNSET


class DatasetVersionList(Listing):
    """A page of versions, newest first."""

    data: list[DatasetVersion]


class DatasetField(Struct):
    """A field with those below it."""

    path: Annotated[str, Meta(description="Dotted.")]
    type: Annotated[str, Meta(description="`string`, `int`, `struct`, `list<struct>`.")]
    class_: FieldClass = field(name="class")
    description: str | UnsetType = UNSET
    fields: "list[DatasetField] | UnsetType" = UNSET


class DatasetSchema(Struct):
    """The fields of the newest version."""

    dataset_id: DatasetId
    version: Count
    fields: list[DatasetField]


class DatasetProfile(Struct):
    """What the values of each field are like."""

    dataset_id: DatasetId
    version: Count
    rows: Count
    fields: Annotated[
        dict[str, Any], Meta(description="By path: type, nulls, distinct values (estimated), min, max, quantiles.")
    ]


class BudgetShare(Struct):
    """What one organisation has spent of a dataset's privacy budget, and in how many answers."""

    organisation: str
    epsilon_spent: float
    queries: Count


class DatasetBudget(Struct):
    """What answers about a dataset have cost, and what is left under the policy in force; null where it has no ε."""

    dataset_id: DatasetId
    epsilon_total: float | None
    epsilon_spent: float
    epsilon_left: float | None
    organisations: list[BudgetShare]
