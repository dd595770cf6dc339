"""The ledger: its signed head, its entries, its proofs, and whether it is still the one that was seen before."""

from collections.abc import AsyncIterator
from typing import Any

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client.checkpoints import Gap, Memories, Memory, gap_between, open_note
from xase.errors import BadRequest, EvidenceError, LedgerTruncated, NotFound, UnexpectedAnswer
from xase.models import Checkpoint, Document, LedgerEntry, Proof, key_text
from xase.proof.merkle import ProofError
from xase.proof.receipt import parse_hashes


class AsyncLedger:
    """`client.ledger`: every checkpoint seen is verified, compared with the newest one before, and remembered."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange
        self._memories = Memories(exchange.config.checkpoint_store)

    async def checkpoint(self) -> Checkpoint:
        """The log's signed head, verified and consistent with every checkpoint seen before.

        Raises LedgerTruncated when the log is shorter than it was, LedgerForked when it is another
        one, UntrustedKey when it is signed by a key that is not trusted.
        """
        before = await self._memory()
        fields = await self._exchange.send(wire.call("GET", "/ledger/checkpoint"))
        shown = open_note(fields["note"], before)
        seen = before.checkpoint
        if seen is not None and shown.size < seen.size and shown.origin == seen.origin:
            message = f"the log has {shown.size} entries and had {seen.size} before"
            raise LedgerTruncated(message, remembered=before.note, shown=fields["note"])
        await self._believe(fields["note"], before)
        return Checkpoint(fields)

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

    async def inclusion(self, entry: str | int, *, size: int | None = None) -> Document:
        """The proof that an entry (by id or index) is in the tree of `size`, the newest if none is given; as sent."""
        params = {"entry": entry, "size": size}
        return Document(await self._exchange.send(wire.call("GET", "/ledger/proof/inclusion", params=params)))

    async def consistency(self, first: int, second: int | None = None) -> Document:
        """The proof that the tree of size `second`, else the newest, begins with that of `first`; as sent."""
        params = {"first": first, "second": second}
        return Document(await self._exchange.send(wire.call("GET", "/ledger/proof/consistency", params=params)))

    async def verify(self, proof: Proof) -> LedgerEntry:
        """The entry, proven to be in this server's log as it is remembered.

        Checks the entry's inclusion, the checkpoint's signature under the trusted log key, and the
        checkpoint's consistency with the newest one seen. Raises EvidenceError.
        """
        memory = await self._memory()
        entry = proof.verify_under(memory.verifiers)
        await self._believe(proof.checkpoint, memory)
        return entry

    async def _memory(self) -> Memory:
        """What is remembered of this log. The first time, the key that was given is trusted, else the server's own."""
        config = self._exchange.config
        known = self._memories.get(config.root_url)
        if known is not None and config.log_key is None:
            return known
        if config.log_key is not None:
            return self._given(known, key_text(config.log_key))
        answer = await self._exchange.send(wire.call("GET", "/.well-known/xase-signing-keys.json", at_root=True))
        return self._memories.trust(config.root_url, wire.encode(answer).decode())

    def _given(self, known: Memory | None, keys: str) -> Memory:
        kept = known or self._memories.trust(self._exchange.config.root_url, keys)
        return Memory(keys, kept.note)

    async def _believe(self, note: str, before: Memory) -> None:
        """Prove a checkpoint consistent with the one remembered, and remember the later of them."""
        shown = open_note(note, before)
        gap = gap_between(before, shown, note)
        if gap is not None:
            gap.close(await self._path(gap))
        self._memories.keep(self._exchange.config.root_url, note, shown)

    async def _path(self, gap: Gap) -> list[bytes]:
        try:
            proof = await self.consistency(gap.earlier.size, gap.later.size)
        except (BadRequest, NotFound):
            await self._accuse(gap)
            raise
        try:
            return parse_hashes(proof.to_dict().get("consistency_path"))
        except ProofError as error:
            raise UnexpectedAnswer(f"the consistency proof cannot be read: {error}") from error

    async def _accuse(self, gap: Gap) -> None:
        """The server cannot join two checkpoints that it signed itself: say so if its log has become too short."""
        fields: Any = await self._exchange.send(wire.call("GET", "/ledger/checkpoint"))
        head = open_note(fields["note"], await self._memory())
        if head.size < gap.later.size:
            message = f"the log has {head.size} entries and had {gap.later.size} before"
            raise LedgerTruncated(message, remembered=gap.remembered, shown=fields["note"])
        raise EvidenceError("the server does not prove that its log continues what was seen before")


def _entry(listed: dict[str, Any]) -> LedgerEntry:
    entry = LedgerEntry(listed["entry"])
    if entry.hash != listed["hash"]:
        raise EvidenceError(f"entry {listed['index']} does not have the hash that the server names")
    return entry
