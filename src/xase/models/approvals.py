"""Requests for access that wait for people."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Document, Facts, Model


class ApprovalRequest(Model):
    """A request for access that people decide on.

    `status` is PENDING, APPROVED, DENIED or EXPIRED. `approvers` are the roles asked, `votes` what they
    said. `requested_by` and `metadata` are shown to the organisation that holds the dataset only.
    """

    __slots__ = ()
    _kinds: ClassVar = {"votes": Facts}

    approval_request_id: str
    status: str
    dataset_id: str
    dataset: str
    organisation: str
    purpose: str
    model_id: str | None
    duration: str | None
    jurisdiction: str | None
    policy_id: str | None
    policy_version: int | None
    approvers: Sequence[str]
    votes: Sequence[Facts]
    created_at: str
    expires_at: str
    requested_by: str | None
    metadata: Document | None

    @property
    def id(self) -> str:
        """The request's id, `apr_…`."""
        return str(self.approval_request_id)
