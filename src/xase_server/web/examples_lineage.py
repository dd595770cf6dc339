"""Examples of answers about where data went and came from."""

from typing import Any, Final

_SESSION: Final = "sess_7f6e5d4c3b2a1908"

WITHDRAWAL: Final[dict[str, Any]] = {
    "withdrawal_id": "wdr_1f2e3d4c5b6a7988",
    "dataset_id": "ds_9e8d7c6b5a493827",
    "records": 3,
    "sessions": [
        {
            "session_id": _SESSION,
            "organisation": "org_acme_ai",
            "status": "ACTIVE",
            "dataset_id": "ds_9e8d7c6b5a493827",
            "dataset_version": 1,
            "first_release": "2026-01-15T17:20:00.000Z",
            "certain": True,
        }
    ],
    "models": [
        {
            "model_id": "diagnostic-model-v2",
            "organisation": "org_acme_ai",
            "sessions": [_SESSION],
            "operations": 1452,
        }
    ],
    "derived": [
        {
            "dataset_id": "ds_4c5b6a79880f1e2d",
            "dataset": "medical-records-open",
            "version": 1,
            "records": 2,
            "left_out": 1,
        }
    ],
}

GRAPH: Final[dict[str, Any]] = {
    "root": "rec_8a7f3b2c4d5e6f7a",
    "nodes": [
        {"id": "rec_8a7f3b2c4d5e6f7a", "type": "decision", "model_id": "diagnostic-model-v2"},
        {"id": "model:diagnostic-model-v2", "type": "model", "model_id": "diagnostic-model-v2"},
        {"id": _SESSION, "type": "session", "purpose": "model-training", "status": "ACTIVE"},
    ],
    "edges": [
        {"from": "rec_8a7f3b2c4d5e6f7a", "relation": "was made by", "to": "model:diagnostic-model-v2"},
    ],
    "truncated": False,
}
