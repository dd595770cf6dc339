"""Requests of either colour to an ASGI application on another thread's event loop; answers come as they are made."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import httpx2

T = TypeVar("T")
Application = Callable[[Any, Any, Any], Awaitable[None]]

_AHEAD: Final = 8  # messages that an application may be ahead of its reader
_END: Final = None


class Exchanged:
    """One request on its way through the application: a task, and what it has sent that nobody read yet.

    Everything here runs on the application's loop.
    """

    def __init__(self, app: Application, request: httpx2.Request) -> None:
        self._body: bytes | None = request.content
        self._gone = asyncio.Event()
        self._sent: asyncio.Queue[dict[str, Any] | BaseException | None] = asyncio.Queue(_AHEAD)
        self._task = asyncio.create_task(self._run(app, _scope(request)))

    async def begin(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers of the answer; 500 when the application failed before it had one."""
        message = await self._sent.get()
        if not isinstance(message, dict):
            self._sent.put_nowait(_END)
            return 500, []
        return message["status"], list(message["headers"])

    async def chunk(self) -> bytes | None:
        """The next part of the body; None at its end. Raises ReadError where the application broke off."""
        message = await self._sent.get()
        if message is _END:
            return None
        if not isinstance(message, dict):
            raise httpx2.ReadError("the application broke off its answer") from message
        return bytes(message.get("body", b""))

    async def close(self) -> None:
        """Nobody reads on: the application sees that its caller has left, and is stopped."""
        self._gone.set()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self, app: Application, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._sent.put)
        except Exception as error:  # noqa: BLE001 - the reader learns of it
            await self._sent.put(error)
        else:
            await self._sent.put(_END)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }


class Answered(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The body of an answer, read from either colour."""

    def __init__(self, exchanged: Exchanged, loop: asyncio.AbstractEventLoop) -> None:
        self._exchanged = exchanged
        self._loop = loop

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := there(self._loop, self._exchanged.chunk())) is not None:
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await from_there(self._loop, self._exchanged.chunk())) is not None:
            yield chunk

    def close(self) -> None:
        """Read no further."""
        there(self._loop, self._exchanged.close())

    async def aclose(self) -> None:
        """Read no further."""
        await from_there(self._loop, self._exchanged.close())


class LocalTransport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Hands requests of either colour to an ASGI application on another thread's event loop."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer; its body comes as it is read."""
        request.read()
        return there(self._loop, self._answer(request))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer; its body comes as it is read."""
        await request.aread()
        return await from_there(self._loop, self._answer(request))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        exchanged = Exchanged(self._app, request)
        status, headers = await exchanged.begin()
        return httpx2.Response(status, headers=headers, stream=Answered(exchanged, self._loop))


def there(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, done on another thread's loop; this thread waits."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def from_there(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, done on another thread's loop; this thread's loop goes on meanwhile."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
