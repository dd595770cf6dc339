"""Decision records and interventions."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Document, Model
from xase.models.proofs import Proof


class Intervention(Model):
    """What a person did about a decision, signed. `signed_at` is later than the decision."""

    __slots__ = ()
    _kinds: ClassVar = {"receipt": Proof}

    id: str
    record_id: str
    actor_email: str
    action: str
    reason: str
    new_outcome: Document | None
    evidence_urls: Sequence[str] | None
    metadata: Document | None
    signature: str
    signed_at: str
    hash: str
    previous_hash: str
    receipt: Proof | None


class DecisionRecord(Model):
    """One decision of a model, as it stands in the ledger.

    Fields that were not sent are None. `hash` is the hash of the record's ledger entry,
    `previous_hash` that of the entry before it in the organisation's chain, `sequence` its place
    there. After an erasure `input`, `output`, `context` and `explanation` are None and `erased_at`
    says since when. Times are ISO 8601 in UTC, as sent.
    """

    __slots__ = ()
    _kinds: ClassVar = {"interventions": Intervention, "receipt": Proof}

    id: str
    model_id: str
    model_version: str | None
    model_hash: str | None
    input: Document
    output: Document
    confidence: float | None
    transaction_id: str | None
    policy_id: str | None
    context: Document | None
    explanation: Document | None
    hash: str
    previous_hash: str
    sequence: int
    created_at: str
    interventions: Sequence[Intervention]
    erased_at: str | None
    erased_reason: str | None
    receipt: Proof | None
