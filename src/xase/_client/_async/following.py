"""A session's events as they are written."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self

from xase._client import server_sent, wire
from xase._client._async.exchange import AsyncExchange
from xase.errors import ConnectionLost, UnexpectedAnswer, XaseError
from xase.models import SessionEvent

ENDS: Final = frozenset({"session_closed", "session_expired", "access_revoked"})
"""The types of entries after which a session's stream holds no other."""


class AsyncFollowing:
    """An iterator of events that waits for the next one; leaving the loop ends it."""

    def __init__(self, exchange: AsyncExchange, path: str, after: str | None) -> None:
        self._events = _follow(exchange, path, after)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionEvent:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Stop following."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _follow(exchange: AsyncExchange, path: str, after: str | None) -> AsyncGenerator[SessionEvent, None]:
    last, attempt, limit = after, 0, exchange.limit()
    while True:
        call = wire.call("GET", path, accept=server_sent.MEDIA_TYPE, resume_after=last)
        try:
            async with aclosing(_told(exchange, call)) as told:
                async for event, seen in told:
                    last, attempt = seen, 0
                    yield event
                    if event.type in ENDS:
                        return
                    limit = exchange.limit()
            failure: XaseError = ConnectionLost("the events ended before the session did")
        except XaseError as error:
            failure = error
        await exchange.pause(call, failure, attempt, limit)
        attempt += 1


async def _told(exchange: AsyncExchange, call: wire.Call) -> AsyncGenerator[tuple[SessionEvent, str | None], None]:
    reader = server_sent.EventReader(call.resume_after)
    async with aclosing(exchange.chunks(call)) as chunks:
        async for chunk in chunks:
            for each in reader.feed(chunk):
                try:
                    yield SessionEvent(json.loads(each.data)), each.id
                except (ValueError, AttributeError) as error:
                    raise UnexpectedAnswer("the server sent an event that is no JSON object") from error
