"""Sending calls and reading answers: attempts, pauses, one deadline."""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import random
from typing import Any, Final, TypeVar

import httpx2

from xase._client import wire
from xase._client.colour import async_in_thread, async_sleep
from xase._client.config import Config
from xase._client.faults import transport_error
from xase._client.files import AtomicFile
from xase._client.retry import Backoff, next_pause
from xase._client.sources import Source
from xase._client.tls import tls
from xase._client.version import __version__
from xase.errors import DeadlineExceeded, EvidenceError, UnexpectedAnswer, XaseError

T = TypeVar("T")

LOG: Final = logging.getLogger("xase")
MAX_ANSWER_BYTES: Final = 256 * 2**20  # a JSON answer; downloads go to a file and have no bound
_ERRORS_FROM: Final = 300


@dataclass(frozen=True, slots=True)
class Limit:
    """The moment, on the monotonic clock, when a call must be over."""

    at: float

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> None:
        """Raise DeadlineExceeded when nothing is left."""
        if not self.remaining:
            raise DeadlineExceeded("the call took longer than its deadline")


class AsyncExchange:
    """One connection pool to one server. Every call is repeated as long as that may help and time is left."""

    def __init__(self, config: Config, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.config = config
        self.transport = transport
        self._backoff = Backoff(config.max_retries)
        self._http = httpx2.AsyncClient(transport=transport, follow_redirects=False, verify=tls(config))

    async def send(self, call: wire.Call) -> Any:
        """The answer's JSON value. Raises APIError or TransportError."""
        return await self._persist(call, lambda limit: self._once(call, limit))

    async def upload(self, call: wire.Call, source: Source, sent: Callable[[int], None]) -> Any:
        """The answer's JSON value to a body that is read while it is sent; `sent` hears of every piece.

        No deadline: a body may be long. It is sent again only when the source can be read again.
        """

        async def attempt(limit: Limit) -> Any:
            response = await self._begin(call, limit, self._pieces(source, sent))
            try:
                content = await self._read(response, limit)
            finally:
                await response.aclose()
            return wire.interpret(response.status_code, response.headers, content)

        endless = Limit(float("inf"))
        return await (self._persist(call, attempt, endless) if source.is_repeatable else attempt(endless))

    async def _pieces(self, source: Source, sent: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        pieces = source.pieces()
        while piece := await async_in_thread(next, pieces, b""):
            yield piece
            sent(len(piece))

    async def download(self, call: wire.Call, path: Path, *, sha256: str | None) -> Path:
        """The answer's bytes in the file `path`, which appears whole or not at all.

        Raises EvidenceError when the bytes do not have the hash `sha256` (hex).
        """
        return await self._persist(call, lambda limit: self._fetch(call, limit, path, sha256))

    async def chunks(self, call: wire.Call) -> AsyncGenerator[bytes, None]:
        """The answer's bytes as they arrive, in one attempt; the deadline ends where they begin.

        Whoever reads them knows where to go on after an error. Raises APIError or TransportError.
        """
        limit = self.limit()
        response = await self._begin(call, limit)
        try:
            if response.status_code >= _ERRORS_FROM:
                wire.interpret(response.status_code, response.headers, await self._read(response, limit))
            if not response.headers.get("content-type", "").startswith(call.accept):
                raise UnexpectedAnswer(f"the server answered with something that is not {call.accept}")
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx2.RequestError as error:
            raise transport_error(error, is_over=False) from error
        finally:
            await response.aclose()

    async def pause(self, call: wire.Call, error: XaseError, attempt: int, limit: Limit) -> None:
        """Wait as long as is right before the attempt after number `attempt`. Raises `error` when none will help."""
        jitter = random()  # noqa: S311 - spreads retries, guards nothing
        pause = next_pause(error, attempt=attempt, backoff=self._backoff, remaining=limit.remaining, jitter=jitter)
        if pause is None:
            raise error
        LOG.debug("%s %s failed (%s); again in %.2f s", call.method, call.path, type(error).__name__, pause)
        await async_sleep(pause)

    def limit(self) -> Limit:
        """The moment when a call that begins now must be over."""
        return Limit(time.monotonic() + (self.config.deadline or float("inf")))

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def _persist(
        self, call: wire.Call, attempt: Callable[[Limit], Awaitable[T]], limit: Limit | None = None
    ) -> T:
        limit = limit or self.limit()
        for number in count():
            try:
                return await attempt(limit)
            except XaseError as error:
                failure = error
            await self.pause(call, failure, number, limit)
        raise AssertionError  # count() has no end

    async def _once(self, call: wire.Call, limit: Limit) -> Any:
        response = await self._begin(call, limit)
        try:
            content = await self._read(response, limit)
        finally:
            await response.aclose()
        return wire.interpret(response.status_code, response.headers, content)

    async def _fetch(self, call: wire.Call, limit: Limit, path: Path, expected: str | None) -> Path:
        response = await self._begin(call, limit)
        try:
            if response.status_code >= _ERRORS_FROM:
                content = await self._read(response, limit)
                wire.interpret(response.status_code, response.headers, content)
            with AtomicFile(path) as file:
                await self._pour(response, limit, file.write)
                if expected is not None and file.sha256 != expected.removeprefix("sha256:"):
                    raise EvidenceError("what was downloaded does not have the hash that the server named")
                await async_in_thread(file.keep)
        finally:
            await response.aclose()
        return path

    async def _begin(
        self, call: wire.Call, limit: Limit, pieces: AsyncGenerator[bytes, None] | None = None
    ) -> httpx2.Response:
        limit.check()
        request = self._http.build_request(
            call.method,
            wire.url(self.config, call),
            params=call.params or None,
            content=call.content if pieces is None else pieces,
            headers=wire.headers(self.config, call, version=__version__),
            timeout=self._timeout(limit.remaining),
        )
        try:
            return await self._http.send(request, stream=True)
        except httpx2.RequestError as error:
            raise transport_error(error, is_over=not limit.remaining) from error

    async def _read(self, response: httpx2.Response, limit: Limit) -> bytes:
        content = bytearray()

        def keep(chunk: bytes) -> None:
            content.extend(chunk)
            if len(content) > MAX_ANSWER_BYTES:
                raise UnexpectedAnswer(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")

        await self._pour(response, limit, keep)
        return bytes(content)

    @staticmethod
    async def _pour(response: httpx2.Response, limit: Limit, sink: Callable[[bytes], object]) -> None:
        try:
            async for chunk in response.aiter_bytes():
                limit.check()
                sink(chunk)
        except httpx2.RequestError as error:
            raise transport_error(error, is_over=not limit.remaining) from error

    def _timeout(self, remaining: float) -> httpx2.Timeout:
        connect, read = self.config.timeouts.connect, self.config.timeouts.read
        return httpx2.Timeout(min(read, remaining), connect=min(connect, remaining))
