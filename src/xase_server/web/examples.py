"""Example bodies and answers of the OpenAPI file and the reference page; the decision is the source document's own."""

from typing import Any, Final

from xase_server.web import examples_access

DECISION: Final[dict[str, Any]] = {
    "model_id": "credit-model-v2",
    "input": {"customer_id": "cust_123", "income": 85000},
    "output": {"decision": "APPROVED", "credit_limit": 25000},
    "confidence": 0.94,
    "transaction_id": "txn_abc123",
}

RECORD: Final[dict[str, Any]] = {
    "id": "rec_8a7f3b2c4d5e6f7a",
    **DECISION,
    "hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "previous_hash": "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "sequence": 1234,
    "created_at": "2025-01-15T14:32:00.000Z",
    "interventions": [],
}

OVERRIDE: Final[dict[str, Any]] = {
    "action": "OVERRIDE",
    "reason": "Income could not be confirmed",
    "new_outcome": {"decision": "REJECTED"},
}

INTERVENTION: Final[dict[str, Any]] = {
    "id": "int_1c2d3e4f5a6b7c8d",
    "record_id": "rec_8a7f3b2c4d5e6f7a",
    "actor_email": "reviewer@example.com",
    **OVERRIDE,
    "signature": "Kq0x2n6V…",
    "signed_at": "2025-01-15T15:01:12.000Z",
    "hash": "sha256:fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13",
    "previous_hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

NOTE: Final = (
    "xase.local/4f1c9a2b7d3e8f60\n98766\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=\n\n"
    "— xase.local/4f1c9a2b7d3e8f60 bFZ2LQ8n…\n"
)

RECEIPT: Final[dict[str, Any]] = {
    "entry": {"v": 1, "type": "decision", "id": "rec_8a7f3b2c4d5e6f7a", "index": 98765, "sequence": 1234},
    "index": 98765,
    "tree_size": 98766,
    "inclusion_path": ["3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"],
    "checkpoint": NOTE,
}

PROOF: Final[dict[str, Any]] = {
    "record_id": "rec_8a7f3b2c4d5e6f7a",
    "hash": RECORD["hash"],
    "previous_hash": RECORD["previous_hash"],
    "next_hash": None,
    **RECEIPT,
}

ERASED: Final[dict[str, Any]] = {
    **{name: value for name, value in RECORD.items() if name not in {"input", "output"}},
    "erased_at": "2025-03-01T09:00:00.000Z",
    "erased_reason": "Erasure request of the customer",
}

KEY: Final[dict[str, Any]] = {
    "id": "key_5b1f0c9d2e3a4b5c",
    "name": "scoring service",
    "email": "scoring@example.com",
    "role": "ai_lab",
    "scopes": ["evidence:export", "evidence:read", "ledger:read", "records:read", "records:write"],
    "may_act_for": [],
    "display": "xase_pk_3f9a…c07d",
    "created_at": "2025-01-15T14:00:00.000Z",
}

CREATED_KEY: Final[dict[str, Any]] = {**KEY, "key": f"xase_pk_{'3f9a' * 11}c07d"}

CALLER: Final[dict[str, Any]] = {
    "organisation": "org_2a6b8c1d3e4f5a6b",
    "key_id": KEY["id"],
    "email": KEY["email"],
    "role": KEY["role"],
    "scopes": KEY["scopes"],
    "may_act_for": [],
}

BUNDLE: Final[dict[str, Any]] = {
    "bundle_id": "bundle_7d8e9f0a1b2c3d4e",
    "status": "PROCESSING",
    "created_at": "2025-02-01T10:00:00.000Z",
}

READY_BUNDLE: Final[dict[str, Any]] = {
    **BUNDLE,
    "status": "READY",
    "scope": {"model_id": "credit-model-v2", "from": "2025-01-01T00:00:00.000Z", "until": "2025-02-01T00:00:00.000Z"},
    "purpose": "Yearly audit",
    "format": "standard",
    "record_count": 812,
    "entry_count": 841,
    "tree_size": 98766,
    "size": 1204331,
    "sha256": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "download_url": "/v1/evidence/bundles/bundle_7d8e9f0a1b2c3d4e/download",
}

EVIDENCE: Final[dict[str, Any]] = {
    "id": "rec_8a7f3b2c4d5e6f7a",
    "type": "decision",
    "hash": RECORD["hash"],
    **RECEIPT,
    "disclosed": {"transaction_id": {"salt": "7f" * 32, "value": "txn_abc123"}},
}

_ROOT: Final = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

INCLUSION: Final[dict[str, Any]] = {
    "index": 98765,
    "tree_size": 98766,
    "leaf_hash": RECORD["hash"],
    "root_hash": _ROOT,
    "inclusion_path": RECEIPT["inclusion_path"],
    "checkpoint": NOTE,
}

CONSISTENCY: Final[dict[str, Any]] = {
    "first": 1000,
    "second": 98766,
    "first_root": RECORD["previous_hash"],
    "second_root": _ROOT,
    "consistency_path": RECEIPT["inclusion_path"],
    "checkpoint": NOTE,
}

ENTRIES: Final[dict[str, Any]] = {
    "data": [{"index": 98765, "hash": RECORD["hash"], "entry": RECEIPT["entry"]}],
    "next_start": None,
    "size": 98766,
}

SIGNING_KEYS: Final[dict[str, Any]] = {
    "keys": [
        {
            "use": "log",
            "kid": "6c567629",
            "algorithm": "Ed25519",
            "public_key": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
            "valid_from": "2025-01-01T00:00:00.000Z",
            "vkey": "xase.local/4f1c9a2b7d3e8f60+6c567629+Ad…",
        }
    ]
}

VERDICT: Final[dict[str, Any]] = {
    "verification": {
        "valid": True,
        "signature_valid": True,
        "chain_intact": True,
        "timestamps_valid": True,
        "contents_valid": True,
    },
    "details": {},
    "errors": [],
}

CHECKPOINT: Final[dict[str, Any]] = {
    "origin": "xase.local/4f1c9a2b7d3e8f60",
    "size": 98766,
    "root": _ROOT,
    "note": NOTE,
}


_PERIOD: Final[dict[str, Any]] = {
    "from": "2024-12-16T14:32:00.000Z",
    "until": "2025-01-15T14:32:00.000Z",
    "decisions": 1234,
    "intervened": 57,
    "interventions": {"APPROVED": 31, "REJECTED": 4, "OVERRIDE": 20, "ESCALATED": 2},
    "override_rate": 0.0162,
    "confidence": [{"from": 0.9, "to": 1.0, "count": 811}],
}

METRICS: Final[dict[str, Any]] = {
    "model_id": "credit-model-v2",
    "policy_id": None,
    "period": _PERIOD,
    "previous": {**_PERIOD, "from": "2024-11-16T14:32:00.000Z", "until": "2024-12-16T14:32:00.000Z"},
    "drift": {"population_stability_index": 0.018},
}


def page_of(item: dict[str, Any], total: int = 1234) -> dict[str, Any]:
    """One page of a list that holds `item`."""
    return {"data": [item], "total": total, "limit": 20, "offset": 0, "next_cursor": None}


ERROR_DETAILS: Final[dict[str, Any]] = {
    "validation_error": [{"field": "model_id", "message": "Required field missing"}],
    "invalid_cursor": {"reason": "malformed"},
    "authorization_error": {"required_scope": "records:write"},
    "not_found": {"resource": "record", "id": "rec_8a7f3b2c4d5e6f7a"},
    "method_not_allowed": {"allowed": ["GET", "HEAD", "OPTIONS"]},
    "request_timeout": {"limit_seconds": 30.0},
    "conflict": {"resource": "record", "id": "rec_8a7f3b2c"},
    "idempotency_in_progress": {"idempotency_key": "5e0f3c1a"},
    "payload_too_large": {"limit_bytes": 1048576},
    "unsupported_media_type": {"accepted": ["application/json"]},
    **examples_access.ERROR_DETAILS,
    "rate_limit_exceeded": {"limit": 100, "period": "1m", "reset_at": "2026-01-15T17:30:00.000Z"},
    "unavailable": {"retry_after": 1},
}

ERROR_MESSAGES: Final[dict[str, str]] = {"validation_error": "Invalid request body"}
