"""The shapes of answers about policies."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Digest, Json, Listing, Time


class PolicyVersion(Struct):
    """One version of a policy."""

    id: str
    version: Annotated[int, Meta(ge=1)]
    name: str
    hash: Annotated[Digest, Meta(description="SHA-256 of the canonical document; what entries cite.")]
    created_at: Time
    document: Annotated[Json, Meta(description="As it was written.")]


class PolicyList(Listing):
    """A page of policies, newest first."""

    data: list[PolicyVersion]


class Guardrail(Struct):
    """A policy that guards every dataset, in the version in force."""

    id: str
    version: Annotated[int, Meta(ge=1)]
    name: str
    hash: Digest


class GuardrailList(Struct):
    """All guardrails of the organisation, in the order in which they were named."""

    policies: list[Guardrail]
    changed_at: Annotated[Time | None, Meta(description="When they were named; null where none ever were.")]
    evidence_id: Annotated[str | None, Meta(description="The entry of that change in the ledger.")]


class PolicyViolation(Struct):
    """Why not: a stable code and a sentence."""

    rule: str
    message: str


class ClauseCheck(Struct):
    """One clause of one rule: what it wanted, what it got."""

    layer: str
    rule: str
    clause: str
    wanted: Any
    got: Any
    held: bool


class SimulatedVerdict(Struct):
    """What the policy says of a hypothetical request."""

    verdict: Literal["permit", "deny", "approval_required"]
    policy_id: str
    policy_version: Count
    violations: list[PolicyViolation]
    approvers: Annotated[list[str], Meta(description="Roles that would still have to agree.")]
    contract: Annotated[Json | None, Meta(description="The terms of the session, for a permit.")]
    contract_hash: Annotated[
        Digest | None, Meta(description="Of these terms alone. A session's own is salted, and never the same.")
    ]
    chosen: Annotated[dict[str, str], Meta(description="The rule of each layer that permits.")]
    narrowed_by: Annotated[dict[str, str], Meta(description="Which layer made which term stricter.")]
    trace: list[ClauseCheck]


class AffectedSession(Struct):
    """An open session and what would happen to it."""

    session_id: str
    dataset_id: str
    organisation: str
    effect: Literal["cut", "narrowed"]
    violations: list[PolicyViolation]
    narrowed: Annotated[list[str], Meta(description="The terms that would become stricter.")]


class PolicyImpact(Struct):
    """What a changed policy would do to open sessions."""

    sessions: list[AffectedSession]
    unchanged: Annotated[int, Meta(ge=0, description="Open sessions that would go on as they are.")]


class PurposeTerm(Struct):
    """A purpose; a rule that names its parent means it as well."""

    purpose: str
    parent: str | None
    synonyms: list[str]
    label: Annotated[str, Meta(description="Its DUO or DPV term.")] | UnsetType = UNSET


class PurposeTree(Struct):
    """All purposes."""

    data: list[PurposeTerm]
