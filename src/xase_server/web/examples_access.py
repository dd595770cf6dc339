"""Example answers about access sessions."""

from typing import Any, Final

REQUEST: Final[dict[str, Any]] = {
    "dataset": "medical-records-2024",
    "purpose": "model-training",
    "duration": "30d",
    "model_id": "diagnostic-model-v2",
}

SESSION: Final[dict[str, Any]] = {
    "session_id": "sess_7f6e5d4c3b2a1908",
    "dataset_id": "ds_2b3c4d5e6f708192",
    "dataset": "medical-records-2024",
    "dataset_version": 3,
    "organisation": "org_acme_ai",
    "status": "ACTIVE",
    "purpose": "model-training",
    "model_id": "diagnostic-model-v2",
    "created_at": "2026-01-15T14:30:00.000Z",
    "expires_at": "2026-02-14T14:30:00.000Z",
    "policy_id": "pol_medrec2024",
    "policy_version": 4,
    "contract_hash": "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "obligations": {
        "fields": ["admitted_at", "age", "diagnosis", "lab_results", "patient_id"],
        "filterable_fields": ["age", "diagnosis", "lab_results.glucose"],
        "transforms": {"admitted_at": "date_shift", "age": "generalize", "patient_id": "hash"},
        "actions": ["aggregate", "filter", "get_record", "operations", "stream", "transform"],
        "aggregations": ["avg", "count", "sum"],
        "min_group_size": 10,
        "round_to": 1,
        "min_set_difference": 0,
        "rate_limits": [{"limit": 100, "period": "1m"}],
        "max_records": 5_000_000,
        "max_queries": 2_000,
        "max_bytes": None,
        "max_concurrent": 4,
        "per_organisation": None,
        "privacy": None,
    },
}

USED: Final[dict[str, Any]] = {
    **SESSION,
    "usage_stats": {
        "records_accessed": 46_400,
        "operations_performed": 1_450,
        "last_access": "2026-01-15T17:23:45.000Z",
        "queries": 1_452,
        "bytes": 9_812_004,
    },
}

CLOSED: Final[dict[str, Any]] = {
    **SESSION,
    "status": "TERMINATED",
    "ended_at": "2026-01-25T09:00:00.000Z",
    "reason": "Analysis complete",
}

REVOKED: Final[dict[str, Any]] = {
    **SESSION,
    "status": "REVOKED",
    "ended_at": "2026-01-25T18:42:17.000Z",
    "reason": "Data holder has revoked access",
    "revoked_by": "data_admin@hospital.org",
}

REVOKED_ALL: Final[dict[str, Any]] = {"dataset_id": SESSION["dataset_id"], "sessions": [SESSION["session_id"]]}

ERROR_DETAILS: Final[dict[str, Any]] = {
    "policy_violation": {
        "policy_id": "pol_medrec2024",
        "policy_version": 4,
        "violations": [{"rule": "purpose_not_allowed", "message": "This purpose is not allowed"}],
    },
    "approval_required": {
        "policy_id": "pol_medrec2024",
        "policy_version": 4,
        "approval_request_id": "apr_3c2b1a0f9e8d7c6b",
        "approvers": ["data_holder", "reviewer"],
        "status": "PENDING",
    },
    "session_expired": {
        "session_id": "sess_7f6e5d4c3b2a1908",
        "expired_at": "2026-02-14T14:30:00.000Z",
        "current_time": "2026-02-15T09:12:34.000Z",
    },
    "access_revoked": {
        "session_id": "sess_7f6e5d4c3b2a1908",
        "revoked_at": "2026-01-25T18:42:17.000Z",
        "reason": "Data holder has revoked access",
        "revoked_by": "data_admin@hospital.org",
    },
    "session_closed": {
        "session_id": "sess_7f6e5d4c3b2a1908",
        "closed_at": "2026-01-25T09:00:00.000Z",
        "reason": "Analysis complete",
    },
    "quota_exceeded": {
        "quota": "max_records",
        "limit": 5_000_000,
        "used": 4_999_990,
        "left": 10,
        "scope": "session",
        "resets_at": None,
    },
}
