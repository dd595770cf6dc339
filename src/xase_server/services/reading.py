"""Reading the store from asynchronous code."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from xase_server.domain.errors import unavailable
from xase_server.ports import Reads, Storage, StorageUnavailable

T = TypeVar("T")


class Reader:
    """Runs reads where they disturb nobody: short ones on an embedded store in place, all others on a thread."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._inline = storage.reads_are_inline

    async def point(self, work: Callable[[Reads], T]) -> T:
        """A read of a few rows by key. Raises `unavailable` when the store cannot be read."""
        if self._inline:
            return self.now(work)
        return await asyncio.to_thread(self.now, work)

    async def scan(self, work: Callable[[Reads], T]) -> T:
        """A read that may take milliseconds or more."""
        return await asyncio.to_thread(self.now, work)

    def now(self, work: Callable[[Reads], T]) -> T:
        """A read on this thread, which may wait. Raises `unavailable` when the store cannot be read."""
        try:
            return self._storage.read(work)
        except StorageUnavailable as error:
            raise unavailable("The store cannot be read now") from error
