"""Webhooks (docs/spec/api.md, section 9)."""

from typing import Final

from xase_server.domain.principals import WEBHOOKS_READ, WEBHOOKS_WRITE
from xase_server.domain.webhooks import DELIVERY_STATUSES, EVENTS, NewWebhook, SecretRotation, WebhookChange
from xase_server.web import examples_webhooks as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.examples import page_of
from xase_server.web.handlers import webhooks
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, Parameter, PathParameter
from xase_server.web.schemas_webhooks import (
    OrderedDelivery,
    Webhook,
    WebhookDeliveryList,
    WebhookList,
    WebhookWithSecret,
)

_GROUP: Final = "Webhooks"

WEBHOOK_ID: Final = PathParameter(
    name="id", resource="webhook", description="The webhook's id.", example="whk_4d3c2b1a0f9e8d7c"
)
DELIVERY_ID: Final = PathParameter(
    name="delivery_id",
    resource="delivery",
    description="The message's id, as in its header `webhook-id`.",
    example="msg_9f8e7d6c5b4a3928",
)

WEBHOOKS: Final = (
    Endpoint(
        method="POST",
        path="/v1/webhooks",
        name="create_webhook",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Make a webhook",
        description="Messages about these events are sent to the URL from now on, signed as Standard Webhooks says. "
        "The secret is shown in this answer only. A URL must be `https` and lead to public addresses. Events: "
        + ", ".join(f"`{name}`" for name in EVENTS)
        + "; each needs the scope that such things are read with.",
        handler=webhooks.create_webhook,
        body=NewWebhook,
        body_example=examples.NEW,
        answers={
            201: Reply(
                description="The webhook and its secret.",
                schema=WebhookWithSecret,
                example=examples.SECRET,
                headers={"Location": "The address of the new object."},
            )
        },
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/webhooks",
        name="list_webhooks",
        access=WEBHOOKS_READ,
        group=_GROUP,
        summary="List webhooks",
        description="Newest first, without their secrets.",
        handler=webhooks.list_webhooks,
        parameters=PAGING,
        answers={200: Reply(description="A page of webhooks.", schema=WebhookList, example=page_of(examples.WEBHOOK))},
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/webhooks/{id}",
        name="get_webhook",
        access=WEBHOOKS_READ,
        group=_GROUP,
        summary="Get a webhook",
        handler=webhooks.get_webhook,
        path_parameters=(WEBHOOK_ID,),
        answers={200: Reply(description="The webhook.", schema=Webhook, example=examples.WEBHOOK)},
    ),
    Endpoint(
        method="PATCH",
        path="/v1/webhooks/{id}",
        name="change_webhook",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Change a webhook",
        description="What is not named stays. Messages that wait go to the new URL. Enabled anew, it is sent what "
        "waited and what happens from then on. The key must be one that may read of all the webhook's events.",
        handler=webhooks.change_webhook,
        path_parameters=(WEBHOOK_ID,),
        body=WebhookChange,
        body_example={"enabled": True},
        answers={200: Reply(description="The webhook.", schema=Webhook, example=examples.WEBHOOK)},
    ),
    Endpoint(
        method="DELETE",
        path="/v1/webhooks/{id}",
        name="delete_webhook",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Delete a webhook",
        description="Nothing more is sent. Deleting again changes nothing.",
        handler=webhooks.delete_webhook,
        path_parameters=(WEBHOOK_ID,),
        answers={200: Reply(description="The webhook, deleted.", schema=Webhook, example=examples.DELETED)},
    ),
    Endpoint(
        method="POST",
        path="/v1/webhooks/{id}/rotate-secret",
        name="rotate_webhook_secret",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Rotate a webhook's secret",
        description="Until the grace period is over, messages are signed by both secrets. The one before the old one "
        "counts no more.",
        handler=webhooks.rotate_webhook_secret,
        path_parameters=(WEBHOOK_ID,),
        body=SecretRotation,
        body_example={"grace": "24h"},
        body_required=False,
        answers={
            200: Reply(
                description="The webhook and its new secret.", schema=WebhookWithSecret, example=examples.ROTATED
            )
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/webhooks/{id}/test",
        name="test_webhook",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Try out a webhook",
        description="A message of the type `webhook_test` goes the way that all others go. A disabled webhook is a "
        "`conflict`.",
        handler=webhooks.test_webhook,
        path_parameters=(WEBHOOK_ID,),
        answers={202: Reply(description="What will be sent.", schema=OrderedDelivery, example=examples.ORDERED)},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/webhooks/{id}/deliveries",
        name="list_deliveries",
        access=WEBHOOKS_READ,
        group=_GROUP,
        summary="List what a webhook was sent",
        description="Newest first. Those with the status `DEAD` are sent again by nobody but you. They are kept for 30 "
        "days after they ended.",
        handler=webhooks.list_deliveries,
        path_parameters=(WEBHOOK_ID,),
        parameters=(
            Parameter(
                name="status",
                kind=Choice(DELIVERY_STATUSES),
                example="DEAD",
                description="Only messages of this status.",
            ),
            *PAGING,
        ),
        answers={
            200: Reply(
                description="A page of messages.", schema=WebhookDeliveryList, example=page_of(examples.DELIVERY)
            )
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="POST",
        path="/v1/webhooks/{id}/deliveries/{delivery_id}/replay",
        name="replay_delivery",
        access=WEBHOOKS_WRITE,
        group=_GROUP,
        summary="Send a message again",
        description="With the id that it had, and attempts counted anew, whatever its status. A disabled webhook is a "
        "`conflict`.",
        handler=webhooks.replay_delivery,
        path_parameters=(WEBHOOK_ID, DELIVERY_ID),
        answers={202: Reply(description="What will be sent.", schema=OrderedDelivery, example=examples.ORDERED)},
        errors=("conflict",),
    ),
)
