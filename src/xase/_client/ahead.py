"""Reading ahead: the next items are fetched while the caller works on this one. One function for each colour.

Both keep the order, hand out an error in the place where it happened, and never have more than `depth`
items that were not asked for yet. Leaving early ends the reading and closes the source.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()
_PATIENCE: Final = 1.0  # seconds for a thread in the middle of a read to notice that nobody waits for it


async def async_ahead(source: AsyncGenerator[T, None], depth: int) -> AsyncGenerator[T, None]:
    """The source's items, read by a task of its own."""
    permits = asyncio.Semaphore(depth)
    ready: asyncio.Queue[object] = asyncio.Queue()

    async def read() -> None:
        end: object = _END
        try:
            await permits.acquire()
            async for item in source:
                ready.put_nowait((item,))
                await permits.acquire()
        except BaseException as error:  # noqa: BLE001 - whatever ends it is raised again where the caller waits
            end = error
        finally:
            await source.aclose()
            ready.put_nowait(end)

    reading = asyncio.create_task(read())
    try:
        while True:
            permits.release()
            item = await ready.get()
            if not isinstance(item, tuple):
                break
            yield item[0]
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    if isinstance(item, BaseException):
        raise item


def ahead(source: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The source's items, read by a thread of its own."""
    permits = threading.Semaphore(depth)
    ready: queue.SimpleQueue[object] = queue.SimpleQueue()
    is_over = threading.Event()

    def read() -> None:
        end: object = _END
        try:
            permits.acquire()
            while not is_over.is_set() and (item := next(source, _END)) is not _END:
                ready.put((item,))
                permits.acquire()
        except BaseException as error:  # noqa: BLE001 - whatever ends it is raised again where the caller waits
            end = error
        finally:
            source.close()
            ready.put(end)

    reading = threading.Thread(target=read, name="xase-ahead", daemon=True)
    reading.start()
    try:
        while True:
            permits.release()
            item = ready.get()
            if not isinstance(item, tuple):
                break
            yield item[0]
    finally:
        is_over.set()
        permits.release()
        reading.join(_PATIENCE)
    if isinstance(item, BaseException):
        raise item
