"""Requests for access that wait for people."""

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase.models import ApprovalRequest


class AsyncApprovals:
    """`client.approvals`: what the organisation asked for, and what the caller may decide on."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    async def list(
        self,
        *,
        status: str | None = None,
        dataset_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AsyncListing[ApprovalRequest]:
        """The requests that match, newest first; `limit` is the page size."""
        params = {"status": status, "dataset_id": dataset_id, "limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/access/approvals", params, ApprovalRequest).fetch()

    async def get(self, request_id: str) -> ApprovalRequest:
        """One request, with the votes so far."""
        call = wire.call("GET", f"/access/approvals/{wire.segment(request_id)}")
        return ApprovalRequest(await self._exchange.send(call))

    async def approve(
        self, request_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ApprovalRequest:
        """The request, with this vote for it; approved once the policy's quorum is reached.

        Raises PolicyViolation for who may not decide, Conflict for a request that is settled.
        """
        return await self._vote(request_id, "approve", reason, idempotency_key)

    async def deny(
        self, request_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ApprovalRequest:
        """The request, denied: one vote against it is enough. Raises as `approve` does."""
        return await self._vote(request_id, "deny", reason, idempotency_key)

    async def _vote(
        self, request_id: str, vote: str, reason: str | None, idempotency_key: str | None
    ) -> ApprovalRequest:
        path = f"/access/approvals/{wire.segment(request_id)}/{vote}"
        call = wire.call("POST", path, body=wire.sent(reason=reason), idempotency_key=idempotency_key)
        return ApprovalRequest(await self._exchange.send(call))
