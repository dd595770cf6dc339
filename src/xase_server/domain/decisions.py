"""Decision records and human interventions: what callers send and what they may ask for.

Source: docs/spec/api.md, section 2.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.forms import EMAIL, NO_CONTROLS, NO_NUL, URL, VISIBLE

Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=NO_CONTROLS)]
Object = dict[str, Any]
Confidence = Annotated[float, Meta(ge=0, le=1)]
Action = Literal["APPROVED", "REJECTED", "OVERRIDE", "ESCALATED"]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL)]
Reason = Annotated[str, Meta(min_length=1, max_length=4096, pattern=NO_NUL)]
Url = Annotated[str, Meta(min_length=1, max_length=2048, pattern=URL)]

MAX_BATCH: Final = 1_000

# The parts that may name or describe a person. Each is committed to with its own salt, so that
# it can be disclosed or erased alone (docs/spec/evidence.md, section 3).
PAYLOAD_PARTS: Final = ("input", "output", "context", "explanation")


class NewDecision(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/records`."""

    model_id: Annotated[Name, Meta(description="Identifier of the model that made the decision")]
    input: Annotated[Object, Meta(description="Input data sent to the model")]
    output: Annotated[Object, Meta(description="The model's output, its decision")]
    confidence: Annotated[Confidence, Meta(description="Confidence score")] | UnsetType = UNSET
    transaction_id: (
        Annotated[Name, Meta(description="Your own reference; need not be unique, can be searched")] | UnsetType
    ) = UNSET
    policy_id: Annotated[Name, Meta(description="Business policy applied")] | UnsetType = UNSET
    context: Annotated[Object, Meta(description="Additional metadata")] | UnsetType = UNSET
    explanation: Annotated[Object, Meta(description="XAI data: SHAP values and the like")] | UnsetType = UNSET
    model_version: Annotated[Name, Meta(description="Version of the model")] | UnsetType = UNSET
    model_hash: Annotated[Name, Meta(description="Digest of the model's file")] | UnsetType = UNSET
    idempotency_key: (
        Annotated[
            str,
            Meta(min_length=1, max_length=255, description="In place of the `Idempotency-Key` header", pattern=VISIBLE),
        ]
        | UnsetType
    ) = UNSET


class NewIntervention(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/records/{id}/interventions`."""

    action: Annotated[Action, Meta(description="What the person does")]
    reason: Annotated[Reason, Meta(description="Why")]
    new_outcome: (
        Annotated[Object, Meta(description="The decision in its place; required for `OVERRIDE`, refused otherwise")]
        | UnsetType
    ) = UNSET
    actor_email: (
        Annotated[Email, Meta(description="Who acts: the key's own principal, or one that it may act for")] | UnsetType
    ) = UNSET
    evidence_urls: Annotated[list[Url], Meta(max_length=50, description="Supporting documents")] | UnsetType = UNSET
    metadata: Annotated[Object, Meta(description="Additional metadata")] | UnsetType = UNSET


class Erasure(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `DELETE /v1/records/{id}/payload`."""

    reason: Annotated[Reason, Meta(description="Why; shown on the record, ledgered")]


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
