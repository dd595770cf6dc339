"""The ledger: its signed head, its entries, its proofs, and whether it is still the one that was seen before."""

from collections.abc import AsyncIterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase.errors import EvidenceError, UnexpectedAnswer
from xase.models import Checkpoint, Facts, LedgerEntry, Proof

if TYPE_CHECKING:
    from xase._client._async.watch import AsyncWatch


class AsyncLedger:
    """`client.ledger`: every checkpoint seen is verified, compared with the newest one before, and remembered."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    @cached_property
    def _watch(self) -> "AsyncWatch":
        from xase._client._async.watch import AsyncWatch  # cryptography is loaded when it is first needed

        return AsyncWatch(self._exchange)

    async def checkpoint(self) -> Checkpoint:
        """The log's signed head, verified and consistent with every checkpoint seen before.

        Raises LedgerTruncated when the log is shorter than it was, LedgerForked when it is another
        one, UntrustedKey when it is signed by a key that is not trusted.
        """
        return await self._watch.checkpoint()

    async def entries(self, *, start: int = 0, page_size: int = 100) -> AsyncIterator[LedgerEntry]:
        """The organisation's entries from log index `start` on, in the log's order, fetched as they are read.

        Each has the hash that the server names for it. That it is in the log is proven by `inclusion`
        for one entry, and by an evidence bundle for many. Raises EvidenceError.
        """
        following: int | None = start
        while following is not None:
            params = {"start": following, "limit": page_size}
            answer = await self._exchange.send(wire.call("GET", "/ledger/entries", params=params))
            for listed in answer["data"]:
                if "entry" in listed:  # of other organisations only the hash is shown
                    yield _entry(listed)
            if answer["next_start"] is not None and answer["next_start"] <= following:
                raise UnexpectedAnswer("the server's entries never end")
            following = answer["next_start"]

    async def inclusion(self, entry: str | int, *, size: int | None = None) -> Facts:
        """The proof that an entry (by id or index) is in the tree of `size`, the newest if none is given; as sent."""
        params = {"entry": entry, "size": size}
        return Facts(await self._exchange.send(wire.call("GET", "/ledger/proof/inclusion", params=params)))

    async def consistency(self, first: int, second: int | None = None) -> Facts:
        """The proof that the tree of size `second`, else the newest, begins with that of `first`; as sent."""
        params = {"first": first, "second": second}
        return Facts(await self._exchange.send(wire.call("GET", "/ledger/proof/consistency", params=params)))

    async def verify(self, proof: Proof) -> LedgerEntry:
        """The entry, proven to be in this server's log as it is remembered.

        Checks the entry's inclusion, the checkpoint's signature under the trusted log key, and the
        checkpoint's consistency with the newest one seen. Raises EvidenceError.
        """
        return await self._watch.verify(proof)


def _entry(listed: dict[str, Any]) -> LedgerEntry:
    entry = LedgerEntry(listed["entry"])
    if entry.hash != listed["hash"]:
        raise EvidenceError(f"entry {listed['index']} does not have the hash that the server names")
    return entry
