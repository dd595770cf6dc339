"""The shapes of answers about datasets."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from xase_server.domain.datasets import FieldClass, Scrub
from xase_server.web.schemas import Count, Digest, Listing, Time

DatasetId = Annotated[str, Meta(pattern="^ds_[0-9a-f]{16}$")]


class Note(Struct):
    """What the holder says of a field."""

    class_: FieldClass = field(name="class")
    description: str | UnsetType = UNSET
    scrub: Scrub | UnsetType = UNSET


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
    derived_from: Annotated[DatasetId, Meta(description="The dataset that this one is made of.")] | UnsetType = UNSET
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


class ParentVersion(Struct):
    """The version that another was made of."""

    dataset_id: DatasetId
    version: Annotated[int, Meta(ge=1)]


class DatasetVersion(Struct):
    """One immutable version of a dataset."""

    dataset_id: DatasetId
    version: Annotated[int, Meta(ge=1)]
    mode: Literal["append", "replace", "anonymize"]
    rows: Count
    bytes: Count
    digest: Annotated[Digest, Meta(description="Merkle root over the row groups of its file.")]
    created_at: Time
    id_field: str | UnsetType = UNSET
    parent: ParentVersion | UnsetType = UNSET


class DatasetVersionList(Listing):
    """A page of versions, newest first."""

    data: list[DatasetVersion]


class DatasetField(Struct):
    """A field with those below it."""

    path: Annotated[str, Meta(description="Dotted.")]
    type: Annotated[str, Meta(description="`string`, `int`, `struct`, `list<struct>`.")]
    class_: FieldClass = field(name="class")
    description: str | UnsetType = UNSET
    scrub: Scrub | UnsetType = UNSET
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


Share = Annotated[float, Meta(ge=0, le=1)]


class HighestAndAverage(Struct):
    """Of the risks of all who are in the data."""

    max: Share
    average: Share


class Highest(Struct):
    """The risk of who is recognised most easily."""

    max: Share


class Average(Struct):
    """The share of all that somebody who tries with everyone can expect to recognise."""

    average: Share


class AskedAnonymity(Struct):
    """What was asked for."""

    k: int
    suppression_max: Share
    l: int | UnsetType = UNSET  # noqa: E741 -- as everybody writes it


class FieldLevel(Struct):
    """How far a field was generalised: the step, of how many, and the transform of a policy that does the same."""

    level: Count
    of: Count
    transform: Annotated[dict[str, Any] | None, Meta(description="`redact`: nothing is shown. Null: as it was.")]


class RiskReport(Struct):
    """How easily records are recognised; of no records only how many there are. Figures, and no values."""

    quasi_identifiers: list[str]
    counted: Annotated[Literal["persons", "records"], Meta(description="What `k`, `unique` and risks are of.")]
    records: Count
    classes: Annotated[Count, Meta(description="How many sets of records there are that look alike.")]
    k: Annotated[Count, Meta(description="The fewest in a class.")] | UnsetType = UNSET
    l: (  # noqa: E741 -- as everybody writes it
        Annotated[Count, Meta(description="The fewest values of a sensitive field in a class.")] | UnsetType
    ) = UNSET
    diversity: Annotated[dict[str, Count], Meta(description="The same for each sensitive field.")] | UnsetType = UNSET
    smallest_class: Annotated[Count, Meta(description="In records.")] | UnsetType = UNSET
    largest_class: Count | UnsetType = UNSET
    average_class: float | UnsetType = UNSET
    unique: Annotated[Count, Meta(description="Classes of one.")] | UnsetType = UNSET
    discernibility: Annotated[int, Meta(description="The squares of all class sizes, added up.")] | UnsetType = UNSET
    prosecutor: HighestAndAverage | UnsetType = UNSET
    journalist: Highest | UnsetType = UNSET
    marketer: Average | UnsetType = UNSET
    asked: AskedAnonymity | UnsetType = UNSET
    levels: dict[str, FieldLevel] | UnsetType = UNSET
    removed: Annotated[list[str], Meta(description="Fields that are left out.")] | UnsetType = UNSET
    withheld: Annotated[Count, Meta(description="Records of who has withdrawn.")] | UnsetType = UNSET
    suppressed: Annotated[Count, Meta(description="Records that were left out.")] | UnsetType = UNSET
    suppressed_share: Share | UnsetType = UNSET
    loss: Annotated[Share, Meta(description="How much detail was lost, a suppressed record wholly.")] | UnsetType = (
        UNSET
    )


class DatasetRisk(Struct):
    """The report of risks of one version; `hash` where its ledger entry cites it."""

    dataset_id: DatasetId
    version: Annotated[int, Meta(ge=1)]
    report: RiskReport
    hash: Digest | UnsetType = UNSET
