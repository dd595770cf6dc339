"""Bodies too large for memory: read piece by piece, while they are written elsewhere."""

import asyncio
from collections.abc import AsyncIterator

from xase_server.domain.errors import Refused
from xase_server.web.asgi import Message, Receive
from xase_server.web.body import ClientGone, too_large


class Upload:
    """A body on its way: at most `limit` bytes, and some of them every `seconds`."""

    def __init__(self, receive: Receive, *, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body in order.

        Raises `payload_too_large` as soon as it passes the limit, `request_timeout` when nothing more
        comes, ClientGone when the rest never will.
        """
        size, more = 0, True
        while more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self._limit:
                raise too_large(self._limit)
            more = message.get("more_body", False)
            yield piece

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._receive()
        except TimeoutError:
            raise Refused("request_timeout", "The body stopped arriving", {"limit_seconds": self._seconds}) from None
