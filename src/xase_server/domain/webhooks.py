"""Webhooks: which events there are, what callers send, and a message on its way (docs/spec/api.md, section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Name
from xase_server.domain.entries import EntryType
from xase_server.domain.objects import ObjectRef
from xase_server.domain.principals import (
    AUDIT_READ,
    DATASETS_READ,
    EVIDENCE_READ,
    KEYS_READ,
    POLICIES_READ,
    RECORDS_READ,
    SESSIONS_READ,
    WEBHOOKS_READ,
)

WEBHOOK: Final = "webhook"

ACTIVE: Final = "ACTIVE"
DISABLED: Final = "DISABLED"
DELETED: Final = "DELETED"

PENDING: Final = "PENDING"
DELIVERED: Final = "DELIVERED"
DEAD: Final = "DEAD"
DELIVERY_STATUSES: Final = (PENDING, DELIVERED, DEAD)

TEST: Final = "webhook_test"
REPLAY: Final = "webhook_replayed"


@dataclass(frozen=True, slots=True)
class Event:
    """What a webhook can be told of: entries of this `type` whose body says `saying`.

    `scope` is the one that lets a key read of such things anyway; without it no webhook may ask for them.
    """

    type: EntryType
    scope: str
    saying: Mapping[str, Any] = field(default_factory=dict)


EVENTS: Final[Mapping[str, Event]] = {
    "approval_requested": Event("verdict", SESSIONS_READ, {"outcome": "approval_required"}),
    "approval_approved": Event("approval", SESSIONS_READ, {"status": "APPROVED"}),
    "approval_denied": Event("approval", SESSIONS_READ, {"status": "DENIED"}),
    "access_denied": Event("verdict", AUDIT_READ, {"outcome": "deny"}),
    "session_opened": Event("session_opened", SESSIONS_READ),
    "session_closed": Event("session_closed", SESSIONS_READ),
    "session_expired": Event("session_expired", SESSIONS_READ),
    "access_revoked": Event("access_revoked", SESSIONS_READ),
    "aggregate_refused": Event("aggregate_refused", SESSIONS_READ),
    "consent_withdrawn": Event("consent_withdrawn", AUDIT_READ),
    "tokens_reversed": Event("tokens_reversed", AUDIT_READ),
    "tokens_erased": Event("tokens_erased", AUDIT_READ),
    "dataset_registered": Event("dataset_registered", DATASETS_READ),
    "dataset_changed": Event("dataset_changed", DATASETS_READ),
    "dataset_archived": Event("dataset_archived", DATASETS_READ),
    "dataset_version": Event("dataset_version", DATASETS_READ),
    "dataset_version_failed": Event("dataset_version_failed", DATASETS_READ),
    "policy_version": Event("policy_version", POLICIES_READ),
    "guardrails_changed": Event("guardrails_changed", POLICIES_READ),
    "intervention": Event("intervention", RECORDS_READ),
    "payload_erased": Event("payload_erased", RECORDS_READ),
    "bundle_requested": Event("bundle_requested", EVIDENCE_READ),
    "bundle_exported": Event("bundle_exported", EVIDENCE_READ),
    "bundle_failed": Event("bundle_failed", EVIDENCE_READ),
    "key_created": Event("key_created", KEYS_READ),
    "key_revoked": Event("key_revoked", KEYS_READ),
    "webhook_created": Event("webhook_created", WEBHOOKS_READ),
    "webhook_changed": Event("webhook_changed", WEBHOOKS_READ),
    "webhook_secret_rotated": Event("webhook_secret_rotated", WEBHOOKS_READ),
    "webhook_disabled": Event("webhook_disabled", WEBHOOKS_READ),
    "webhook_deleted": Event("webhook_deleted", WEBHOOKS_READ),
}
"""By name."""

_TOO_OFTEN: Final = "comes too often to be sent one by one"

NO_EVENTS: Final[Mapping[EntryType, str]] = {
    "decision": _TOO_OFTEN,
    "release": _TOO_OFTEN,
    "aggregate": _TOO_OFTEN,
    "transform": _TOO_OFTEN,
    "operation": _TOO_OFTEN,
    TEST: "goes to the webhook that was tested, whatever it asked for",
    REPLAY: "sends a message again",
    "signing_key_rotated": "is the operator's; the keys are public at /.well-known/xase-signing-keys.json",
}
"""Types of entries that no webhook may ask for, and why."""

Url = Annotated[str, Meta(min_length=1, max_length=2_048, description="Where messages are sent: `https://…`")]
Wanted = Annotated[
    list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=64, description="Names of events")
]


class NewWebhook(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/webhooks`."""

    url: Url
    events: Wanted
    description: Annotated[Name, Meta(description="What it is for")] | UnsetType = UNSET


class WebhookChange(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `PATCH /v1/webhooks/{id}`: what is to be otherwise."""

    url: Url | UnsetType = UNSET
    events: Wanted | UnsetType = UNSET
    description: Annotated[Name, Meta(description="What it is for")] | UnsetType = UNSET
    enabled: (
        Annotated[bool, Meta(description="`false` stops it; `true` sends what happens from then on, and what waited")]
        | UnsetType
    ) = UNSET


class SecretRotation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/webhooks/{id}/rotate-secret`."""

    grace: Annotated[
        str,
        Meta(max_length=16, description="How long messages are signed by the old secret, too: `0`, `24h`, up to `30d`"),
    ] = "24h"


class SecretName(Struct, frozen=True):
    """What a secret is derived from, besides the webhook's id: its number, and the master key of its time."""

    number: int
    master: str


class StoredWebhook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a webhook beside its row; of its secrets only what they are derived from.

    The log is announced from index `start` on. Until `old_until_ms` the secret before this one counts too.
    """

    url: str
    events: tuple[str, ...]
    start: int
    secret: SecretName
    description: str | None = None
    enabled: bool = True
    why_disabled: str | None = None
    old_secret: SecretName | None = None
    old_until_ms: int = 0


class Message(Struct, frozen=True, kw_only=True):
    """An event on its way to one webhook; in the API it is called a delivery.

    `index` and `entry` name the ledger entry that it is about. `attempts` counts since the last replay.
    `due_ms` is when it is tried next, `ended_ms` when that was over. `answer` is the HTTP status of the
    last attempt; `failure` says why there was none, or none that will do.
    """

    webhook: str
    index: int
    id: str
    entry: str
    type: str
    created_ms: int
    due_ms: int
    status: str = PENDING
    attempts: int = 0
    tried_ms: int | None = None
    ended_ms: int | None = None
    answer: int | None = None
    failure: str | None = None


def message_id(webhook: str, entry: str) -> str:
    """The same whenever, and by whichever server, the event is sent, so that its receiver knows it again."""
    return f"msg_{sha256(f'{webhook}/{entry}'.encode()).hexdigest()[:16]}"


def webhook_ref(identifier: str) -> ObjectRef:
    """What a webhook is found by."""
    return ObjectRef(WEBHOOK, identifier)
