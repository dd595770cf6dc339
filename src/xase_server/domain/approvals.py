"""Requests for access that wait for people, and their votes (docs/spec/api.md, section 5)."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from xase_server.domain.objects import ObjectRef
from xase_server.domain.sessions import Asked, Why

APPROVAL: Final = "approval"

PENDING: Final = "PENDING"
APPROVED: Final = "APPROVED"
DENIED: Final = "DENIED"
EXPIRED: Final = "EXPIRED"

STATUSES: Final = (PENDING, APPROVED, DENIED, EXPIRED)


class Opinion(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Why somebody approves or denies."""

    reason: Why | UnsetType = UNSET


class Vote(Struct, frozen=True, kw_only=True):
    """One person's vote: the key that cast it, the role that it held, and the entry that holds its reason."""

    key_id: str
    role: str
    approves: bool
    entry: str
    voted_ms: int


class Waiting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a request that waits, beside its row.

    `verdict` is the entry that asked for approval; who asked, and with which metadata, are its parts.
    `approvers` are the roles that the policies named then: those in force decide on each vote. Without
    `policy_id` only guardrails asked, of their own organisation.
    """

    dataset_id: str
    dataset: str
    holder: str
    asked: Asked
    key_id: str
    verdict: str
    policy_id: str | None
    policy_version: int | None
    approvers: tuple[str, ...]
    votes: tuple[Vote, ...] = ()


def approval_ref(identifier: str) -> ObjectRef:
    """What a request that waits is found by."""
    return ObjectRef(APPROVAL, identifier)
