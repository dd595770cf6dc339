"""What a holder asks for so that records hide among others (docs/spec/api.md, section 3)."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.datasets import DatasetName, FieldPath

QuasiIdentifiers = Annotated[
    list[FieldPath],
    Meta(
        min_length=1,
        max_length=16,
        description="The fields by which somebody could be recognised; by default those classed so",
    ),
]
Sensitive = Annotated[
    list[FieldPath],
    Meta(max_length=16, description="The fields that nobody must learn of somebody; by default those classed so"),
]


class RiskWish(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/versions/{version}/risk`."""

    quasi_identifiers: QuasiIdentifiers | UnsetType = UNSET
    sensitive: Sensitive | UnsetType = UNSET


class NewAnonymization(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/anonymize`."""

    name: Annotated[DatasetName, Meta(description="The dataset that is made, or given its next version")]
    k: Annotated[int, Meta(ge=2, le=1_000_000, description="How many persons, or records, of a class look alike")]
    l: (  # noqa: E741 -- as everybody writes it
        Annotated[int, Meta(ge=2, le=1_000_000, description="How many values of each sensitive field a class holds")]
        | UnsetType
    ) = UNSET
    quasi_identifiers: QuasiIdentifiers | UnsetType = UNSET
    sensitive: Sensitive | UnsetType = UNSET
    suppression_max: Annotated[
        float, Meta(ge=0, le=0.5, description="The share of records that may be left out for it")
    ] = 0.05
