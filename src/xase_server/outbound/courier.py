"""One HTTP/1.1 request to one receiver: POST, no redirects, no proxy, no cookie, and little of the answer read."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from xase_server.outbound.targets import Network, Resolve, SystemNames, Target, find_addresses, read_target
from xase_server.ports import Received, Undelivered

_HEAD_BYTES: Final = 1 << 14
_DRAINED_BYTES: Final = 1 << 16
_INTERIM: Final = range(100, 200)
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_RETRY_AFTER: Final = re.compile(rb"^retry-after:[ \t]*([\x21-\x7e][\x20-\x7e]{0,99})\r$", re.IGNORECASE | re.MULTILINE)


Trust = Callable[[], ssl.SSLContext]
"""What certificates are held against."""


def trusting(file: Path | None) -> Trust:
    """Trust in the system's authorities and, if given, those in a PEM file, which is read now.

    Raises OSError for a file that cannot be read or holds no certificate. The system's are read at the first use,
    which takes a third of a second.
    """
    own = None if file is None else file.read_text("ascii")
    if own is not None:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=own)

    @cache
    def context() -> ssl.SSLContext:
        made = ssl.create_default_context()
        if own is not None:
            made.load_verify_locations(cadata=own)
        return made

    return context


class HttpCourier:
    """Implements `xase_server.ports.Courier`.

    `seconds` is for everything together: name, connection, sending and the head of the answer.
    `allowed` are networks that may be reached although they are not public. By default the system's
    authorities are trusted.
    """

    def __init__(
        self,
        *,
        plain: bool = False,
        allowed: Sequence[Network] = (),
        seconds: float = 15.0,
        resolve: Resolve | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._plain = plain
        self._allowed = allowed
        self._seconds = seconds
        self._resolve = resolve or SystemNames()
        self._trust = trust or trusting(None)

    async def check(self, url: str) -> None:
        """Raise Undelivered for a URL of another form than `https://host/…`, or one that leads to no public address."""
        async with self._in_time():
            await self._find(url)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Send one message; a redirect is an answer like any other."""
        async with contextlib.AsyncExitStack() as stack:
            async with self._in_time():
                target, addresses = await self._find(url)
                reader, writer = await self._connect(target, addresses)
                stack.callback(writer.transport.abort)
                writer.write(_request(target, headers, body))
                await writer.drain()
                received = await _read_head(reader)
            await _drain(reader)
        return received

    async def _find(self, url: str) -> tuple[Target, Sequence[str]]:
        target = read_target(url, plain=self._plain)
        return target, await find_addresses(target, self._allowed, self._resolve)

    async def _connect(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one; the certificate must be the host's."""
        trust, name = (self._trust(), target.host) if target.secure else (None, None)
        for n, address in enumerate(addresses):
            try:
                return await asyncio.open_connection(
                    address, target.port, limit=_HEAD_BYTES, ssl=trust, server_hostname=name
                )
            except ssl.SSLError as error:
                raise Undelivered("tls", "The certificate is not valid, or there is no TLS") from error
            except OSError as error:
                if n == len(addresses) - 1:
                    raise Undelivered("connection", "The connection was refused") from error
        raise AssertionError("there is at least one address")

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError:
            raise Undelivered("timeout", f"No answer within {self._seconds:g} seconds") from None
        except OSError as error:
            raise Undelivered("connection", "The connection was lost") from error


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    sent = {
        "host": target.authority,
        "user-agent": "Xase-Webhooks/1",
        "connection": "close",
        "content-length": str(len(body)),
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


async def _read_head(reader: asyncio.StreamReader) -> Received:
    """The head of the final answer."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Undelivered("answer", "The answer is not HTTP, or its head is too long") from None
        line = _STATUS_LINE.match(head)
        if line is None:
            raise Undelivered("answer", "The answer is not HTTP")
        if int(line[1]) not in _INTERIM:
            waits = _RETRY_AFTER.search(head)
            return Received(int(line[1]), waits[1].decode() if waits else None)


async def _drain(reader: asyncio.StreamReader) -> None:
    """Let a short answer arrive, so that its sender sees no broken connection; nothing of it is kept."""
    left = _DRAINED_BYTES
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            while left > 0 and (piece := await reader.read(left)):
                left -= len(piece)
