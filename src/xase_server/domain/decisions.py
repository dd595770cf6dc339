"""Decision records and human interventions: what callers send and what they may ask for.

Source: docs/spec/api.md, section 2.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Object = dict[str, Any]
Confidence = Annotated[float, Meta(ge=0, le=1)]
Action = Literal["APPROVED", "REJECTED", "OVERRIDE", "ESCALATED"]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Reason = Annotated[str, Meta(min_length=1, max_length=4096)]
Url = Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^https?://\S+$")]

MAX_BATCH: Final = 1_000

# The parts that may name or describe a person. Each is committed to with its own salt, so that
# it can be disclosed or erased alone (docs/spec/evidence.md, section 3).
PAYLOAD_PARTS: Final = ("input", "output", "context", "explanation")


class NewDecision(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/records`."""

    model_id: Name
    input: Object
    output: Object
    confidence: Confidence | UnsetType = UNSET
    transaction_id: Name | UnsetType = UNSET
    policy_id: Name | UnsetType = UNSET
    context: Object | UnsetType = UNSET
    explanation: Object | UnsetType = UNSET
    model_version: Name | UnsetType = UNSET
    model_hash: Name | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


class NewIntervention(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/records/{id}/interventions`."""

    action: Action
    reason: Reason
    new_outcome: Object | UnsetType = UNSET
    actor_email: Email | UnsetType = UNSET
    evidence_urls: Annotated[list[Url], Meta(max_length=50)] | UnsetType = UNSET
    metadata: Object | UnsetType = UNSET


class Erasure(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `DELETE /v1/records/{id}/payload`."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decision records a list holds; None leaves a criterion open.

    Times are milliseconds since 1970 UTC: `since_ms` inclusive, `until_ms` exclusive.
    Confidence bounds are inclusive and leave out records without a confidence.
    """

    model_id: str | None = None
    policy_id: str | None = None
    transaction_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    has_intervention: bool | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which stretch of a list: `limit` rows after skipping `offset`, or after the row numbered `after`."""

    limit: int = 20
    offset: int = 0
    after: int | None = None
    descending: bool = True
