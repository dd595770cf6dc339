"""Evidence bundles: what callers ask for (docs/spec/api.md, section 7)."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Name, Reason

MAX_NAMED_RECORDS: Final = 10_000

RecordId = Annotated[str, Meta(pattern=r"^rec_[0-9a-f]{16}$")]
Instant = Annotated[str, Meta(min_length=4, max_length=40)]


class NewBundle(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/evidence/bundles`: named records, or all of a model and a period.

    Without `include_payloads` the bundle holds commitments only: it proves that the decisions
    were made and what was decided about them, without disclosing the contents.
    """

    record_ids: Annotated[list[RecordId], Meta(min_length=1, max_length=MAX_NAMED_RECORDS)] | UnsetType = UNSET
    model_id: Name | UnsetType = UNSET
    start_date: Instant | UnsetType = UNSET
    end_date: Instant | UnsetType = UNSET
    purpose: Reason | UnsetType = UNSET
    format: Literal["standard"] = "standard"
    include_payloads: bool = True
