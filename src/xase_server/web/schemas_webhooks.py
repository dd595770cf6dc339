"""The shapes of answers about webhooks and what they are sent."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Listing, Time

WebhookId = Annotated[str, Meta(pattern="^whk_[0-9a-f]{16}$")]
DeliveryId = Annotated[str, Meta(pattern="^msg_[0-9a-f]{16}$", description="The message's `webhook-id`.")]


class Webhook(Struct, kw_only=True):
    """Where messages are sent, and about which events."""

    id: WebhookId
    url: str
    events: list[str]
    status: Annotated[
        Literal["ACTIVE", "DISABLED", "DELETED"],
        Meta(description="`DISABLED` sends nothing: it was switched off, or its receiver answered 410."),
    ]
    created_at: Time
    description: str | UnsetType = UNSET
    disabled_reason: str | UnsetType = UNSET
    old_secret_until: (
        Annotated[Time, Meta(description="Until when messages were, or are, signed by the secret before as well.")]
        | UnsetType
    ) = UNSET


class WebhookWithSecret(Webhook, kw_only=True):
    """A webhook with its new secret, which is shown this once."""

    secret: Annotated[str, Meta(pattern="^whsec_[A-Za-z0-9+/]{43}=$")]


class WebhookList(Listing):
    """A page of webhooks, newest first."""

    data: list[Webhook]


class WebhookDelivery(Struct, kw_only=True):
    """One message to one webhook."""

    delivery_id: DeliveryId
    webhook_id: WebhookId
    type: Annotated[str, Meta(description="The event's name, or `webhook_test`.")]
    entry_id: Annotated[str, Meta(description="The ledger entry that it is about.")]
    status: Annotated[
        Literal["PENDING", "DELIVERED", "DEAD"], Meta(description="`DEAD` after the last attempt failed.")
    ]
    attempts: Annotated[Count, Meta(description="Since it was made, or last replayed.")]
    created_at: Time
    next_attempt_at: Time | UnsetType = UNSET
    last_attempt_at: Time | UnsetType = UNSET
    ended_at: Annotated[Time, Meta(description="When it was delivered, or given up.")] | UnsetType = UNSET
    response_status: Annotated[int, Meta(description="The HTTP status of the last answer.")] | UnsetType = UNSET
    failure: (
        Annotated[
            Literal["status", "timeout", "connection", "tls", "address", "answer"],
            Meta(
                description="What was wrong with the last attempt: the answer's status, no answer in time, no "
                "connection, no valid certificate, an address that nothing is sent to, an answer that is not HTTP."
            ),
        ]
        | UnsetType
    ) = UNSET


class WebhookDeliveryList(Listing):
    """A page of messages, newest first."""

    data: list[WebhookDelivery]


class OrderedDelivery(Struct):
    """A message that will be sent."""

    delivery_id: DeliveryId
    webhook_id: WebhookId
    status: Literal["PENDING"]
