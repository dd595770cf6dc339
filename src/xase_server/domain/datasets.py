"""Datasets and their versions: what a data holder sends, and what is kept (docs/spec/api.md, section 3).

A dataset's row is a data record; every word here that says record means that.
"""

from typing import Annotated, Any, Final, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, field

from xase_server.domain.decisions import Name
from xase_server.domain.forms import DATASET_NAME, NO_NUL
from xase_server.domain.objects import ObjectRef

DATASET: Final = "dataset"
VERSION: Final = "dataset_version"

PROCESSING: Final = "PROCESSING"
READY: Final = "READY"
FAILED: Final = "FAILED"
ARCHIVED: Final = "ARCHIVED"

FieldClass = Literal["identifier", "quasi_identifier", "sensitive", "ordinary"]
FileFormat = Literal["parquet", "arrow", "ndjson", "csv"]
DatasetName = Annotated[str, Meta(min_length=1, max_length=128, pattern=DATASET_NAME)]
FieldPath = Annotated[str, Meta(min_length=1, max_length=1024, pattern=NO_NUL)]
Source = Annotated[str, Meta(min_length=1, max_length=1024, description="A file under a configured storage root")]


Entity = Literal[
    "CREDIT_CARD",
    "CRYPTO",
    "DATE_TIME",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "MEDICAL_LICENSE",
    "PHONE_NUMBER",
    "UK_NHS",
    "URL",
    "US_ITIN",
    "US_SSN",
    "UUID",
]
ENTITIES: Final[tuple[Entity, ...]] = get_args(Entity)


PATTERN_ONLY: Final = "pattern_only"
"""What was scrubbed without a model of language: names of people are still there."""


class Scrub(Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be replaced in a field of free text while it is read."""

    entities: Annotated[
        tuple[Entity, ...], Meta(min_length=1, max_length=len(ENTITIES), description="By default all that are known")
    ] = ENTITIES


class FieldNote(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """What the holder says of one field."""

    class_: Annotated[FieldClass, Meta(description="How the field may name a person")] = field(
        name="class", default="ordinary"
    )
    description: Annotated[str, Meta(max_length=4096)] = ""
    scrub: Annotated[Scrub, Meta(description="What is replaced in data that is read from now on")] | UnsetType = UNSET


class NewDataset(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets`."""

    name: Annotated[DatasetName, Meta(description="Unique in the organisation")]
    description: Annotated[str, Meta(max_length=4096)] | UnsetType = UNSET
    source: Source | UnsetType = UNSET
    format: FileFormat | UnsetType = UNSET
    id_field: Annotated[FieldPath, Meta(description="The field that names a record")] | UnsetType = UNSET
    subject_field: Annotated[FieldPath, Meta(description="The field that names a person")] | UnsetType = UNSET
    fields: Annotated[dict[FieldPath, FieldNote], Meta(max_length=10_000)] | UnsetType = UNSET
    policy_id: Annotated[Name, Meta(description="The policy that governs it; without one it is closed")] | UnsetType = (
        UNSET
    )


class NewVersion(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/versions`."""

    source: Source
    mode: Annotated[Literal["append", "replace"], Meta(description="Behind the records there are, or in their place")]
    format: FileFormat | UnsetType = UNSET


class DatasetChange(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `PATCH /v1/datasets/{id}`: what a holder may change without new data; null takes the policy away."""

    description: Annotated[str, Meta(max_length=4096)] | UnsetType = UNSET
    fields: Annotated[dict[FieldPath, FieldNote], Meta(max_length=10_000)] | UnsetType = UNSET
    policy_id: Name | UnsetType | None = UNSET


class Dataset(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a dataset beside its row: `version` is the newest that may be read, 0 for none.

    `derived_from` is the dataset whose versions these are made of.
    """

    name: str
    description: str = ""
    id_field: str | None = None
    subject_field: str | None = None
    fields: dict[str, FieldNote] = {}
    policy_id: str | None = None
    version: int = 0
    failure: str | None = None
    withdrawn: int = 0
    derived_from: str | None = None


class Parent(Struct, frozen=True):
    """The version that another was made of."""

    dataset_id: str
    version: int


class Version(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one version; `schema` is the JSON form of its columns (`xase_server.datasets.types`).

    One that was made of another has its `parent`, and the report of how easily its records are recognised.
    `scrubbed` says of fields of free text what was replaced in them.
    """

    dataset_id: str
    number: int
    rows: int
    bytes: int
    digest: str
    mode: str
    schema: tuple[dict[str, Any], ...]
    mixed: tuple[str, ...] = ()
    id_field: str | None = None
    parent: Parent | None = None
    risk: dict[str, Any] | None = None
    scrubbed: dict[str, dict[str, Any]] = {}


def dataset_ref(dataset_id: str) -> ObjectRef:
    """What a dataset is found by."""
    return ObjectRef(DATASET, dataset_id)


def version_ref(dataset_id: str, number: int) -> ObjectRef:
    """What one version of a dataset is found by."""
    return ObjectRef(VERSION, f"{dataset_id}@{number}")
