"""Lineage: where data went, and what decisions came from."""

from typing import Any, Literal

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase.models import Facts

Form = Literal["graph", "prov"]


class AsyncLineage:
    """`client.lineage`: graphs of `nodes` and of `edges` from what came later to what it came from.

    Each shows what the caller's organisation may see. `truncated` says that there is more. With `format="prov"` each is
    W3C PROV in JSON-LD instead.
    """

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def of_decision(self, record_id: str, *, format: Form | None = None) -> Facts:
        """What a decision came from: its model, and the data behind that."""
        return await self._graph(f"/records/{wire.segment(record_id)}/lineage", {"format": format})

    async def of_model(self, model_id: str, *, format: Form | None = None) -> Facts:
        """What a model was made of, and the newest decisions it made."""
        return await self._graph(f"/models/{wire.segment(model_id)}/lineage", {"format": format})

    async def of_dataset(
        self,
        dataset: str,
        *,
        record_id: str | None = None,
        subject: str | None = None,
        withdrawn: bool | None = None,
        format: Form | None = None,
    ) -> Facts:
        """Where a dataset of the organisation went: all of it, one record, one person, or all who have withdrawn."""
        params = {"record_id": record_id, "subject": subject, "withdrawn": withdrawn, "format": format}
        return await self._graph(f"/datasets/{wire.segment(dataset)}/lineage", params)

    async def _graph(self, path: str, params: dict[str, Any]) -> Facts:
        return Facts(await self._exchange.send(wire.call("GET", path, params=params)))
