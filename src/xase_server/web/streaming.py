"""Bodies that are made while they are sent."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from xase_server.web.asgi import Receive, Send
from xase_server.web.body import ClientGone


async def stream(chunks: AsyncGenerator[bytes | memoryview], receive: Receive, send: Send) -> None:
    """Send piece by piece; raise ClientGone, and make no further piece, as soon as the caller has left.

    When making them fails the answer stays short of its length: the server closes the connection
    and the caller knows that it is not whole.
    """
    gone = asyncio.create_task(_until_gone(receive))
    try:
        async with contextlib.aclosing(chunks) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)  # servers do not wait here by themselves, so nobody would notice
                if gone.done():
                    raise ClientGone
        await send({"type": "http.response.body"})
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
