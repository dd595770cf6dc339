"""Webhooks."""

from collections.abc import Sequence

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase.models import NewWebhook, Webhook, WebhookDelivery


class AsyncWebhooks:
    """`client.webhooks`: where the organisation is told of what happens. To check messages: `xase.webhooks.verify`."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def create(
        self, *, url: str, events: Sequence[str], description: str | None = None, idempotency_key: str | None = None
    ) -> NewWebhook:
        """A new webhook, told of these events from now on. Its secret is in `.secret`, this once."""
        body = wire.sent(url=url, events=list(events), description=description)
        call = wire.call("POST", "/webhooks", body=body, idempotency_key=idempotency_key)
        return NewWebhook(await self._exchange.send(call))

    async def list(self, *, limit: int | None = None, offset: int | None = None) -> AsyncListing[Webhook]:
        """The organisation's webhooks, newest first, without their secrets; `limit` is the page size."""
        params = {"limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/webhooks", params, Webhook).fetch()

    async def get(self, webhook_id: str) -> Webhook:
        """One webhook, without its secret."""
        return Webhook(await self._exchange.send(wire.call("GET", _path(webhook_id))))

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """The webhook after the change; what is None stays. With `enabled` true it is sent what waited, and goes on."""
        named = None if events is None else list(events)
        body = wire.sent(url=url, events=named, description=description, enabled=enabled)
        return Webhook(await self._exchange.send(wire.call("PATCH", _path(webhook_id), body=body)))

    async def delete(self, webhook_id: str) -> Webhook:
        """The webhook, to which nothing more is sent; doing it again changes nothing."""
        return Webhook(await self._exchange.send(wire.call("DELETE", _path(webhook_id))))

    async def rotate_secret(
        self, webhook_id: str, *, grace: str = "24h", idempotency_key: str | None = None
    ) -> NewWebhook:
        """The webhook with a new secret; for `grace` (`24h`, `30m`, `7d`) messages are signed by both."""
        path = f"{_path(webhook_id)}/rotate-secret"
        call = wire.call("POST", path, body={"grace": grace}, idempotency_key=idempotency_key)
        return NewWebhook(await self._exchange.send(call))

    async def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookDelivery:
        """A message of the type `webhook_test` that will be sent. Raises Conflict for a webhook that is disabled."""
        call = wire.call("POST", f"{_path(webhook_id)}/test", idempotency_key=idempotency_key)
        return WebhookDelivery(await self._exchange.send(call))

    async def deliveries(
        self, webhook_id: str, *, status: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> AsyncListing[WebhookDelivery]:
        """What the webhook was sent, newest first; with `status` `DEAD` only what never arrived."""
        params = {"status": status, "limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, f"{_path(webhook_id)}/deliveries", params, WebhookDelivery).fetch()

    async def replay(self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None) -> WebhookDelivery:
        """The message, to be sent again with the same id. Raises Conflict for a webhook that is disabled."""
        path = f"{_path(webhook_id)}/deliveries/{wire.segment(delivery_id)}/replay"
        return WebhookDelivery(await self._exchange.send(wire.call("POST", path, idempotency_key=idempotency_key)))


def _path(webhook_id: str) -> str:
    return f"/webhooks/{wire.segment(webhook_id)}"
