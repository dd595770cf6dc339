"""Webhooks and what they are sent."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Model


class Webhook(Model):
    """Where messages are sent, and about which events. `status` is ACTIVE, DISABLED or DELETED."""

    __slots__ = ()

    id: str
    url: str
    events: Sequence[str]
    status: str
    created_at: str
    description: str | None
    disabled_reason: str | None
    old_secret_until: str | None


class NewWebhook(Webhook):
    """A webhook at the one moment when its secret can be read: `secret`. Its repr hides it."""

    __slots__ = ()
    _secret: ClassVar = frozenset({"secret"})

    secret: str


class WebhookDelivery(Model):
    """One message to one webhook. `status` is PENDING, DELIVERED or DEAD.

    `attempts` counts since it was made or last replayed; `failure` says what was wrong with the last
    one: `status`, `timeout`, `connection`, `tls`, `address` or `answer`.
    """

    __slots__ = ()

    delivery_id: str
    webhook_id: str
    status: str
    type: str | None
    entry_id: str | None
    attempts: int | None
    created_at: str | None
    next_attempt_at: str | None
    last_attempt_at: str | None
    ended_at: str | None
    response_status: int | None
    failure: str | None

    @property
    def id(self) -> str:
        """The message's id, `msg_…`: its header `webhook-id`."""
        return str(self.delivery_id)
