"""Access sessions, and what is recorded in them."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Facts, Model


class SessionState(Model):
    """An access session as the server knows it.

    `status` is PENDING, ACTIVE, EXPIRED, REVOKED or TERMINATED. `obligations` are the terms: fields,
    transforms, limits; None restricts nothing. It is pinned to one version of its dataset and of the
    policy that granted it. `usage_stats` are there for one that was got by itself.
    """

    __slots__ = ()
    _kinds: ClassVar = {"obligations": Facts, "usage_stats": Facts}

    session_id: str
    dataset_id: str
    dataset: str
    dataset_version: int
    organisation: str
    status: str
    purpose: str
    model_id: str | None
    created_at: str
    expires_at: str
    ended_at: str | None
    reason: str | None
    revoked_by: str | None
    policy_id: str | None
    policy_version: int | None
    contract_hash: str
    obligations: Facts
    usage_stats: Facts | None

    @property
    def id(self) -> str:
        """The session's id, `sess_…`."""
        return str(self.session_id)


class SessionEvent(Model):
    """One entry of a session's ledger: what was granted, delivered, recorded, ended. No content of data records."""

    __slots__ = ()
    _kinds: ClassVar = {"body": Facts}

    id: str
    type: str
    time: str
    index: int
    sequence: int
    hash: str
    body: Facts


class Operation(Model):
    """What was done with data records, recorded. `reconciliation` compares the claim with what the session received."""

    __slots__ = ()
    _kinds: ClassVar = {"reconciliation": Facts}

    operation_id: str
    created_at: str
    status: str
    evidence_id: str
    reconciliation: str | Facts


class Revocation(Model):
    """The sessions of a dataset that ended together; those that had ended before are not among them."""

    __slots__ = ()

    dataset_id: str
    sessions: Sequence[str]
