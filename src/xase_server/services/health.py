"""Whether the server can do its work now."""

import asyncio

from xase_server.domain.errors import unavailable
from xase_server.ledger.append import Ledger
from xase_server.ports import Head
from xase_server.services.reading import Reader
from xase_server.services.views import View


class Health:
    """Answers readiness: the store can be read and the ledger may append."""

    def __init__(self, ledger: Ledger, reader: Reader) -> None:
        self._ledger = ledger
        self._reader = reader

    async def head(self) -> Head:
        """The end of the log."""
        return await self._reader.point(lambda reads: reads.head())

    async def ready(self) -> View:
        """Where the ledger stands; raises `unavailable` with the reason when it cannot be written or read."""
        head = await self.head()
        reason = await asyncio.to_thread(lambda: self._ledger.problem)
        if reason is not None:
            raise unavailable(reason)
        return {"status": "ready", "log": head.log, "size": head.size}
