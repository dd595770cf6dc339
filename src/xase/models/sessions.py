"""Access sessions, and what is recorded in them."""

from typing import Any

from xase.models.model import Document, Model


class SessionState(Model):
    """An access session as the server knows it.

    `status` is PENDING, ACTIVE, EXPIRED, REVOKED or TERMINATED. `obligations` are the terms: fields,
    transforms, limits. It is pinned to one version of its dataset and of the policy that granted it.
    """

    __slots__ = ()

    session_id: str
    dataset_id: str
    dataset: str | None
    dataset_version: int
    status: str
    purpose: str
    model_id: str | None
    jurisdiction: str | None
    metadata: Document | None
    created_at: str
    expires_at: str
    closed_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    reason: str | None
    policy_id: str | None
    policy_version: int | None
    obligations: Document | None
    usage_stats: Document | None

    @property
    def id(self) -> str:
        """The session's id, `sess_…`."""
        return str(self.session_id)


class SessionEvent(Model):
    """One entry of a session's ledger: what was granted, delivered, recorded, ended. No content of data records."""

    __slots__ = ()

    id: str
    type: str
    time: str
    index: int
    sequence: int
    hash: str
    actor: Document | None
    body: Document | None


class Operation(Model):
    """What was done with data records, recorded. `reconciliation` compares the claim with what the session received."""

    __slots__ = ()

    operation_id: str
    created_at: str
    status: str
    evidence_id: str
    operation_type: str | None
    reconciliation: Any


class Revocation(Model):
    """Which sessions of a dataset were revoked."""

    __slots__ = ()

    dataset_id: str
    reason: str | None
    revoked: int | None
    sessions: Any
