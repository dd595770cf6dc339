"""A receiver of webhooks: real HTTP on this machine, which answers as a test tells it."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer of this status."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Message:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are given in their order, then 200; None leaves the sender waiting until `released`."""

    answers: deque[bytes | None] = field(default_factory=deque)
    received: list[Message] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=test"

    @property
    def ids(self) -> list[str]:
        """The ids of the messages, in the order in which they came."""
        return [each.headers["webhook-id"] for each in self.received]

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        while len(self.received) < count:
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), 60)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Message(line, headers, body))
        self.arrived.set()
        said = self.answers.popleft() if self.answers else OK
        if said is None:
            await self.released.wait()
            said = OK
        writer.write(said)
        await writer.drain()


@contextlib.asynccontextmanager
async def listening(serve: Callable[..., Awaitable[None]], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server on this machine that answers each connection so; all are over when it ends."""
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            running.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*running)


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Receiver]:
    """A receiver that listens, by TLS where it has something to show for it."""
    receiver = Receiver(**options)
    async with listening(receiver.serve, tls) as receiver.port:
        yield receiver
        receiver.released.set()
