"""What happened in a session: its ledger entries, up to now or as they are written."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from xase._client import server_sent, wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.series import AsyncSeries
from xase.errors import ConnectionLost, UnexpectedAnswer, XaseError
from xase.models import SessionEvent

ENDS: Final = frozenset({"session_closed", "session_expired", "access_revoked"})
"""The types of entries after which a session's chain holds no other."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Which events are told: those of the session at `path` from sequence `start` on."""

    path: str
    start: int = 0
    page_size: int = 100
    follow: bool = False


class AsyncEvents(AsyncSeries[SessionEvent]):
    """An iterator of events. Leaving the loop ends it; so does `aclose`, or the end of a `with` block."""

    def __init__(self, exchange: AsyncExchange, telling: Telling) -> None:
        super().__init__((_followed if telling.follow else _listed)(exchange, telling))


async def _listed(exchange: AsyncExchange, telling: Telling) -> AsyncGenerator[SessionEvent, None]:
    following: int | None = telling.start
    while following is not None:
        params = {"start": following, "limit": telling.page_size}
        answer = await exchange.send(wire.call("GET", telling.path, params=params))
        for each in answer["data"]:
            yield SessionEvent(each)
        if answer["next_start"] is not None and answer["next_start"] <= following:
            raise UnexpectedAnswer("the server's events never end")
        following = answer["next_start"]


async def _followed(exchange: AsyncExchange, telling: Telling) -> AsyncGenerator[SessionEvent, None]:
    """The events as they come; after a broken connection those behind the last one seen."""
    following, attempt, limit = telling.start, 0, exchange.limit()
    while True:
        call = wire.call("GET", telling.path, params={"start": following}, accept=server_sent.MEDIA_TYPE)
        try:
            async with aclosing(_told(exchange, call)) as told:
                async for event in told:
                    following, attempt = event.sequence + 1, 0
                    yield event
                    if event.type in ENDS:
                        return
                    limit = exchange.limit()
            failure: XaseError = ConnectionLost("the events ended before the session did")
        except XaseError as error:
            failure = error
        await exchange.pause(call, failure, attempt, limit)
        attempt += 1


async def _told(exchange: AsyncExchange, call: wire.Call) -> AsyncGenerator[SessionEvent, None]:
    reader = server_sent.EventReader()
    async with aclosing(exchange.chunks(call)) as chunks:
        async for chunk in chunks:
            for each in reader.feed(chunk):
                try:
                    yield SessionEvent(json.loads(each))
                except (ValueError, AttributeError) as error:
                    raise UnexpectedAnswer("the server sent an event that is no JSON object") from error
