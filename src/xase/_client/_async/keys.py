"""API keys."""

from collections.abc import Sequence
from datetime import date, datetime

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase.models import ApiKey, NewApiKey


class AsyncKeys:
    """`client.keys`: the API keys of the caller's organisation."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def create(
        self,
        *,
        name: str,
        email: str | None = None,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: str | date | datetime | None = None,
        may_act_for: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> NewApiKey:
        """A new key with either a role or a list of scopes, never more than the caller's own.

        Its secret is in `.key`, this once. `email` is who acts with it, `may_act_for` whom else it
        may speak for.
        """
        body = wire.sent(
            name=name,
            email=email,
            role=role,
            scopes=None if scopes is None else list(scopes),
            expires_at=None if expires_at is None else wire.instant(expires_at),
            may_act_for=None if may_act_for is None else list(may_act_for),
        )
        return NewApiKey(
            await self._exchange.send(wire.call("POST", "/keys", body=body, idempotency_key=idempotency_key))
        )

    async def get(self, key_id: str) -> ApiKey:
        """The key, without its secret."""
        return ApiKey(await self._exchange.send(wire.call("GET", f"/keys/{wire.segment(key_id)}")))

    async def revoke(self, key_id: str) -> ApiKey:
        """The key, no longer working on any server within a second; doing it again changes nothing."""
        return ApiKey(await self._exchange.send(wire.call("DELETE", f"/keys/{wire.segment(key_id)}")))

    async def rotate(self, key_id: str, *, grace: str = "24h", idempotency_key: str | None = None) -> NewApiKey:
        """A key with the same rights in place of this one, which goes on working for `grace` (`24h`, `30m`, `7d`)."""
        path = f"/keys/{wire.segment(key_id)}/rotate"
        call = wire.call("POST", path, body={"grace": grace}, idempotency_key=idempotency_key)
        return NewApiKey(await self._exchange.send(call))

    async def list(self, *, limit: int | None = None, offset: int | None = None) -> AsyncListing[ApiKey]:
        """The organisation's keys, newest first, without their secrets; `limit` is the page size."""
        params = {"limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/keys", params, ApiKey).fetch()
