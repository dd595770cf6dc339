"""The yardstick of the ledger: a plain file under the same group commit, and nothing else.

What queued while the last commit ran is joined, written with one call and made durable with one `fdatasync`;
then its callers are woken. No chain, no tree, no signature, no index: what is left is the disk and the event loop.
"""

import asyncio
import os
import queue
import threading
from pathlib import Path


class PlainFile:
    """Appends bytes durably; the same waiting, batching and waking as `xase_server.ledger.append.Ledger`."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._queue: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._writer = threading.Thread(target=self._write)
        self._writer.start()

    async def append(self, data: bytes) -> None:
        """Durable on return."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((data, done))
        await done

    def close(self) -> None:
        """End when everything that waits is written."""
        self._queue.put(None)
        self._writer.join()
        os.close(self._file)

    def _write(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while not self._queue.empty():
                if (item := self._queue.get()) is None:
                    self._queue.put(None)
                    break
                batch.append(item)
            os.write(self._file, b"".join(data for data, _ in batch))
            os.fdatasync(self._file)
            self._loop.call_soon_threadsafe(_wake, [done for _, done in batch])


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        done.set_result(None)
