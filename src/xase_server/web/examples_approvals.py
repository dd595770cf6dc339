"""Example answers about requests that wait for people."""

from typing import Any, Final

WAITING: Final[dict[str, Any]] = {
    "approval_request_id": "apr_3c2b1a0f9e8d7c6b",
    "status": "PENDING",
    "dataset_id": "ds_2b3c4d5e6f708192",
    "dataset": "medical-records-2024",
    "organisation": "org_acme_ai",
    "purpose": "model-training",
    "model_id": "diagnostic-model-v2",
    "duration": "30d",
    "jurisdiction": "DE",
    "policy_id": "pol_medrec2024",
    "policy_version": 4,
    "approvers": ["data_holder", "reviewer"],
    "votes": [],
    "created_at": "2026-01-14T09:12:00.000Z",
    "expires_at": "2026-01-21T09:12:00.000Z",
    "requested_by": "researcher@acme-ai.example",
    "metadata": {"ticket": "T-17"},
}


def _voted(status: str, vote: str, reason: str) -> dict[str, Any]:
    cast = {
        "vote": vote,
        "role": "data_holder",
        "voted_at": "2026-01-14T11:40:03.000Z",
        "evidence_id": "vote_9c8b7a6f5e4d3c2b",
        "reason": reason,
        "approver": "steward@hospital.org",
    }
    return {**WAITING, "status": status, "votes": [cast]}


APPROVED: Final[dict[str, Any]] = _voted("APPROVED", "approve", "The ethics board agrees")
DENIED: Final[dict[str, Any]] = _voted("DENIED", "deny", "The purpose is too wide")
