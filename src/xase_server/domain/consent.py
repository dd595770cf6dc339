"""Consent withdrawn by a person whose data a dataset holds (docs/spec/policy.md, section 2)."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

WITHDRAWAL: Final = "withdrawal"

Subject = Annotated[str, Meta(min_length=1, max_length=1024)] | int


class NewWithdrawal(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/datasets/{id}/subjects/withdraw`."""

    subject: Annotated[Subject, Meta(description="The person, as the dataset's `subject_field` names them")]
    reason: Annotated[str, Meta(min_length=1, max_length=4096)] | UnsetType = UNSET
