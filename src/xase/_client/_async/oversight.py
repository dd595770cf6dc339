"""What was used, and who did what."""

from collections.abc import AsyncIterator

from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase.models import Facts


class AsyncUsage:
    """`client.usage`: sums over sessions, the organisation's own and others' on its datasets."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def list(
        self,
        *,
        group_by: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AsyncListing[Facts]:
        """A sum for each `dataset` (the default), `session`, `model` or `day`.

        The dates say when its sessions began; of days, when what they did happened.
        """
        period = {"start_date": start_date, "end_date": end_date}
        params = {"group_by": group_by, **period, "limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/usage", params, Facts).fetch()


class AsyncAudit:
    """`client.audit`: the organisation's own trail, read from the ledger."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def entries(
        self,
        *,
        type: str | None = None,
        object: str | None = None,
        actor: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Facts]:
        """Entries, newest first, fetched `limit` at a time as they are read. How many there are nobody counts."""
        period = {"start_date": start_date, "end_date": end_date}
        params = {"type": type, "object": object, "actor": actor, **period, "limit": limit}
        listing = await AsyncListing(self._exchange, "/audit", params, Facts).fetch()
        async for each in listing:
            yield each
