"""Appends as the services make them, small, for tests of the ledger and the stores."""

import itertools
from typing import Any

from xase.proof.canonical import canonical
from xase.proof.digest import commitment
from xase.proof.entry import Draft
from xase_server.domain.entries import (
    Append,
    Claim,
    DecisionStored,
    Effect,
    InterventionStored,
    Part,
    PayloadErased,
    Stream,
    Unit,
    decisions_stream,
)

_numbers = itertools.count(1)


def next_id(prefix: str) -> str:
    return f"{prefix}_{next(_numbers):016x}"


def make_append(
    *,
    type: str = "operation",
    identifier: str | None = None,
    organisation: str = "org_a",
    stream: Stream | None = None,
    body: dict[str, Any] | None = None,
    parts: dict[str, Any] | None = None,
    effect: Effect | None = None,
    not_before_ms: int = 0,
) -> Append:
    identifier = identifier or next_id("evt")
    stream = stream or decisions_stream(organisation)
    sealed = {name: Part(bytes([n]) * 32, canonical(value)) for n, (name, value) in enumerate((parts or {}).items())}
    commitments = {name: commitment(name, part.salt, part.canonical) for name, part in sealed.items()}
    actor = {"organisation": organisation, "key": "key_1"}
    draft = Draft(type, identifier, stream, actor, body or {}, commitments)
    return Append(identifier, type, stream, organisation, draft.prepare(), sealed, effect, not_before_ms)


def decision(
    model_id: str = "credit-model-v2",
    *,
    identifier: str | None = None,
    organisation: str = "org_a",
    policy_id: str | None = None,
    transaction_id: str | None = None,
    confidence: float | None = None,
    input: dict[str, Any] | None = None,
    not_before_ms: int = 0,
) -> Append:
    parts: dict[str, Any] = {"input": input or {"age": 34}, "output": {"decision": "APPROVED"}}
    if transaction_id is not None:
        parts["transaction_id"] = transaction_id
    body = {"model_id": model_id, "policy_id": policy_id, "confidence": confidence}
    return make_append(
        type="decision",
        identifier=identifier or next_id("rec"),
        organisation=organisation,
        body={name: value for name, value in body.items() if value is not None},
        parts=parts,
        effect=DecisionStored(organisation, model_id, policy_id, transaction_id, confidence),
        not_before_ms=not_before_ms,
    )


def intervention(record_id: str, *, organisation: str = "org_a", not_before_ms: int = 0) -> Append:
    return make_append(
        type="intervention",
        identifier=next_id("int"),
        organisation=organisation,
        body={"record_id": record_id, "action": "OVERRIDE"},
        parts={"reason": "income was read wrongly"},
        effect=InterventionStored(organisation, record_id),
        not_before_ms=not_before_ms,
    )


def erasure(record_id: str, parts: tuple[str, ...] = ("input", "output"), *, organisation: str = "org_a") -> Append:
    return make_append(
        type="payload_erased",
        identifier=next_id("ers"),
        organisation=organisation,
        body={"record_id": record_id, "parts": list(parts)},
        parts={"reason": "the customer asked for it"},
        effect=PayloadErased(organisation, record_id, parts),
    )


def unit(*appends: Append, claim: Claim | None = None) -> Unit:
    return Unit(appends or (make_append(),), claim)
