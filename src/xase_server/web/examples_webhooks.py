"""Example answers about webhooks and what they are sent."""

from typing import Any, Final

NEW: Final[dict[str, Any]] = {
    "url": "https://hooks.acme-ai.example/xase",
    "events": ["approval_approved", "approval_denied", "access_revoked"],
    "description": "Access desk",
}

WEBHOOK: Final[dict[str, Any]] = {
    "id": "whk_4d3c2b1a0f9e8d7c",
    **NEW,
    "status": "ACTIVE",
    "created_at": "2026-01-14T09:12:00.000Z",
}

SECRET: Final[dict[str, Any]] = {**WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDLYI2Y0Kyq3E="}

ROTATED: Final[dict[str, Any]] = {**SECRET, "old_secret_until": "2026-01-15T09:12:00.000Z"}

DELETED: Final[dict[str, Any]] = {**WEBHOOK, "status": "DELETED"}

DELIVERY: Final[dict[str, Any]] = {
    "delivery_id": "msg_9f8e7d6c5b4a3928",
    "webhook_id": WEBHOOK["id"],
    "type": "access_revoked",
    "entry_id": "evt_0a1b2c3d4e5f6071",
    "status": "PENDING",
    "attempts": 1,
    "created_at": "2026-01-14T11:40:03.000Z",
    "next_attempt_at": "2026-01-14T11:40:09.000Z",
    "last_attempt_at": "2026-01-14T11:40:03.412Z",
    "response_status": 503,
    "failure": "status",
}

ORDERED: Final[dict[str, Any]] = {
    "delivery_id": DELIVERY["delivery_id"],
    "webhook_id": WEBHOOK["id"],
    "status": "PENDING",
}
