"""Examples of answers about who did what."""

from typing import Any, Final

PAGE: Final[dict[str, Any]] = {
    "data": [
        {
            "id": "evt_0a1b2c3d4e5f6071",
            "type": "access_revoked",
            "time": "2026-01-15T17:20:00.000Z",
            "index": 18_042,
            "sequence": 57,
            "stream": "session/sess_7f6e5d4c3b2a1908",
            "hash": "sha256:" + "4f" * 32,
            "actor": {"organisation": "org_clinic", "key": "key_1a2b3c4d5e6f7081"},
            "body": {"session_id": "sess_7f6e5d4c3b2a1908", "dataset_id": "ds_9e8d7c6b5a493827"},
        }
    ],
    "next_cursor": None,
}
