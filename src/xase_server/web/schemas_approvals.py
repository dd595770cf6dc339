"""The shapes of answers about requests that wait for people."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Listing, Time


class ApprovalVote(Struct):
    """One person's vote. `approver` is shown to the organisation that holds the dataset only."""

    vote: Literal["approve", "deny"]
    role: Annotated[str, Meta(description="The role that the key held.")]
    voted_at: Time
    evidence_id: Annotated[str, Meta(description="The vote's entry in the ledger.")]
    reason: Annotated[str | None, Meta(description="Null when none was given, or it was erased.")]
    approver: str | UnsetType | None = UNSET


class ApprovalRequest(Struct):
    """A request for access that people decide on.

    `requested_by` and `metadata` are shown to the organisation that holds the dataset only.
    """

    approval_request_id: Annotated[str, Meta(pattern="^apr_[0-9a-f]{16}$")]
    status: Literal["PENDING", "APPROVED", "DENIED", "EXPIRED"]
    dataset_id: str
    dataset: Annotated[str, Meta(description="The dataset's name when it was asked for.")]
    organisation: Annotated[str, Meta(description="Who asks.")]
    purpose: str
    model_id: str | None
    duration: Annotated[str | None, Meta(description="As asked; null for as long as the policy allows.")]
    jurisdiction: str | None
    policy_id: Annotated[str | None, Meta(description="Null where only guardrails ask.")]
    policy_version: Annotated[
        int | None, Meta(description="The version that asked for approval; the one in force decides.")
    ]
    approvers: Annotated[list[str], Meta(description="The roles that were to agree when it was asked.")]
    votes: list[ApprovalVote]
    created_at: Time
    expires_at: Annotated[Time, Meta(description="Until when it waits; once approved, until when it is good.")]
    requested_by: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET


class ApprovalRequestList(Listing):
    """A page of requests, newest first."""

    data: list[ApprovalRequest]
