"""Asking for access to a dataset, and the sessions that were granted."""

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from xase._client import wire
from xase._client._async.evidence import AsyncEvidence
from xase._client._async.exchange import AsyncExchange
from xase._client._async.paging import AsyncListing
from xase._client._async.session import AsyncSession
from xase._client.colour import async_sleep
from xase._client.progress import Waiting
from xase.errors import ApprovalRequired
from xase.models import Revocation, SessionState

Moment = str | date | datetime

FIRST_LOOK: Final = 1.0  # seconds; doubled at each look
LONGEST_LOOK: Final = 30.0
_PENDING: Final = "PENDING"
_APPROVED: Final = "APPROVED"


class AsyncSessions:
    """`client.sessions`: the organisation's sessions, and those on its datasets."""

    def __init__(self, exchange: AsyncExchange, evidence: AsyncEvidence) -> None:
        self._exchange = exchange
        self._evidence = evidence

    async def get(self, session_id: str) -> AsyncSession:
        """One session, to go on with."""
        call = wire.call("GET", f"/sessions/{wire.segment(session_id)}")
        return self.of(SessionState(await self._exchange.send(call)))

    def of(self, state: SessionState) -> AsyncSession:
        """The session that a listing showed, to go on with; nothing is asked."""
        return AsyncSession(self._exchange, self._evidence, state)

    async def list(
        self,
        *,
        dataset_id: str | None = None,
        status: str | None = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AsyncListing[SessionState]:
        """The sessions that match, newest first; `limit` is the page size."""
        params = {
            "dataset_id": dataset_id,
            "status": status,
            "created_after": created_after,
            "created_before": created_before,
            "limit": limit,
            "offset": offset,
        }
        return await AsyncListing(self._exchange, "/sessions", params, SessionState).fetch()

    async def close(self, session_id: str, *, reason: str | None = None) -> SessionState:
        """The session, ended by those who use it; doing it again is no error."""
        return SessionState(await self._end(f"/sessions/{wire.segment(session_id)}/close", reason))

    async def revoke(self, session_id: str, *, reason: str | None = None) -> SessionState:
        """The session, ended by the data holder: no delivery follows in the log, streams are cut at the next batch."""
        return SessionState(await self._end(f"/access/{wire.segment(session_id)}/revoke", reason))

    async def revoke_dataset(self, dataset_id: str, *, reason: str | None = None) -> Revocation:
        """All sessions of a dataset, ended by its holder."""
        return Revocation(await self._end(f"/datasets/{wire.segment(dataset_id)}/revoke", reason))

    async def _end(self, path: str, reason: str | None) -> Any:
        return await self._exchange.send(wire.call("POST", path, body=wire.sent(reason=reason)))


class AsyncAccess:
    """`client.access`: call it to ask for access."""

    def __init__(self, exchange: AsyncExchange, sessions: AsyncSessions) -> None:
        self._exchange = exchange
        self._sessions = sessions

    async def __call__(
        self,
        dataset: str | None = None,
        *,
        dataset_id: str | None = None,
        purpose: str,
        duration: str | None = None,
        model_id: str | None = None,
        jurisdiction: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        wait: bool | float = False,
        progress: bool | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """A session on a dataset (its id or name), for as long as `duration` (`30d`, `24h`) or as the policy says.

        The policy decides by organisation, role, purpose, `model_id` and `jurisdiction`. Raises
        PolicyViolation with what could be changed, and ApprovalRequired when people must agree first:
        with `wait` it waits for them, at most so many seconds or as long as it takes. What they deny, or
        nobody decides in time, is ApprovalRequired as well; `details["status"]` says which. What is
        waited for is shown on a terminal and in notebooks unless `progress` is False.
        """
        body = wire.sent(
            dataset=dataset,
            dataset_id=dataset_id,
            purpose=purpose,
            duration=duration,
            model_id=model_id,
            jurisdiction=jurisdiction,
            metadata=metadata,
        )
        until = time.monotonic() + (float("inf") if wait is True else float(wait))
        with Waiting(is_wanted=progress) as sign:
            while True:
                call = wire.call("POST", "/access", body=body, idempotency_key=idempotency_key)
                try:
                    return self._sessions.of(SessionState(await self._exchange.send(call)))
                except ApprovalRequired as error:
                    required = error
                await self._until_decided(required, until, sign)

    async def _until_decided(self, required: ApprovalRequired, until: float, sign: Waiting) -> None:
        """Return when people have approved. Raises ApprovalRequired when they denied, or did not decide until then."""
        request_id = (required.details or {}).get("approval_request_id")
        if request_id is None:  # nobody is asked to agree, so there is nothing to wait for
            raise required
        path, pause = f"/access/approvals/{wire.segment(request_id)}", FIRST_LOOK
        sign.say(_waited_for(required.details))
        while time.monotonic() + pause < until:
            await async_sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
            found = await self._exchange.send(wire.call("GET", path))
            sign.say(_waited_for(found))
            status = found["status"]
            if status == _APPROVED:
                return
            if status != _PENDING:  # asking again would be a new request
                raise ApprovalRequired(
                    required.message, details={**required.details, "status": status}, request_id=required.request_id
                )
        raise required


def _waited_for(request: Mapping[str, Any]) -> str:
    """Who is to agree to a request, and how many have."""
    agreed = sum(vote.get("vote") == "approve" for vote in request.get("votes", ()))
    said = f"waiting for {' or '.join(request.get('approvers', ()))} to approve {request['approval_request_id']}"
    return f"{said}, {agreed} agreed" if agreed else said
