"""A session's events as they come, in the form that browsers read (WHATWG server-sent events)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from msgspec.json import encode

from xase_server.services.views import View
from xase_server.web.call import Call

EVENT_STREAM: Final = b"text/event-stream"

_POLL_SECONDS: Final = 0.25
_AT_ONCE: Final = 100


async def followed(call: Call, start: int) -> AsyncGenerator[bytes]:
    """The events of the call's session from `start` on, and each later one; refused before the first byte, if at all.

    `Last-Event-ID` goes on behind the event that a reconnecting reader saw last.
    """
    start = _last_seen(call, start)
    return _chunks(call, start, await _read(call, start))


async def _chunks(call: Call, start: int, found: Sequence[View]) -> AsyncGenerator[bytes]:
    while True:
        for event in found:
            yield b"id: %d\nevent: %b\ndata: %b\n\n" % (event["sequence"], event["type"].encode(), encode(event))
        start += len(found)
        if not found:
            yield b": waiting\n\n"  # without something to send nobody would notice that the reader has left
            await asyncio.sleep(_POLL_SECONDS)
        found = await _read(call, start)


async def _read(call: Call, start: int) -> Sequence[View]:
    events, _ = await call.services.events.of_session(call.who, call.path["id"], start, _AT_ONCE)
    return events


def _last_seen(call: Call, start: int) -> int:
    seen = call.headers.get(b"last-event-id", b"")
    return int(seen) + 1 if seen.isdigit() and len(seen) < len(str(1 << 53)) else start
