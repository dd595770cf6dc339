"""Watching a log: what it shows is verified, compared with what it showed before, and remembered."""

from typing import Any

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client.checkpoints import Gap, Memories, Memory, gap_between, open_note
from xase.errors import BadRequest, EvidenceError, LedgerTruncated, NotFound, UnexpectedAnswer
from xase.models import Checkpoint, LedgerEntry, Proof, key_text
from xase.proof.merkle import ProofError
from xase.proof.receipt import parse_hashes


class AsyncWatch:
    """One client's watch over one log."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange
        self._memories = Memories(exchange.config.checkpoint_store)

    async def checkpoint(self) -> Checkpoint:
        """The signed head; see `client.ledger.checkpoint`."""
        before = await self._memory()
        fields = await self._head()
        shown = open_note(fields["note"], before)
        seen = before.checkpoint
        if seen is not None and shown.size < seen.size and shown.origin == seen.origin:
            message = f"the log has {shown.size} entries and had {seen.size} before"
            raise LedgerTruncated(message, remembered=before.note, shown=fields["note"])
        await self._believe(fields["note"], before)
        return Checkpoint(fields)

    async def verify(self, proof: Proof) -> LedgerEntry:
        """The entry that a proof proves; see `client.ledger.verify`."""
        memory = await self._memory()
        entry = proof.verify_under(memory.verifiers)
        await self._believe(proof.checkpoint, memory)
        return entry

    async def _head(self) -> dict[str, Any]:
        fields = await self._exchange.send(wire.call("GET", "/ledger/checkpoint"))
        if not isinstance(fields, dict) or not isinstance(fields.get("note"), str):
            raise UnexpectedAnswer("the server answered with something that is no checkpoint")
        return fields

    async def _memory(self) -> Memory:
        """What is remembered of this log. The first time, the key that was given is trusted, else the server's own."""
        config = self._exchange.config
        if config.log_key is not None:
            return self._memories.trust_instead(config.root_url, key_text(config.log_key))
        known = self._memories.get(config.root_url)
        if known is not None:
            return known
        answer = await self._exchange.send(wire.call("GET", "/.well-known/xase-signing-keys.json", at_root=True))
        return self._memories.trust(config.root_url, wire.encode(answer).decode())

    async def _believe(self, note: str, before: Memory) -> None:
        """Prove a checkpoint consistent with the one remembered, and remember the later of them."""
        shown = open_note(note, before)
        gap = gap_between(before, shown, note)
        if gap is not None:
            gap.close(await self._path(gap))
        self._memories.keep(self._exchange.config.root_url, note, shown)

    async def _path(self, gap: Gap) -> list[bytes]:
        try:
            params = {"first": gap.earlier.size, "second": gap.later.size}
            proof = await self._exchange.send(wire.call("GET", "/ledger/proof/consistency", params=params))
        except (BadRequest, NotFound):
            await self._accuse(gap)
            raise
        try:
            return parse_hashes(proof.get("consistency_path"))
        except ProofError as error:
            raise UnexpectedAnswer(f"the consistency proof cannot be read: {error}") from error

    async def _accuse(self, gap: Gap) -> None:
        """The server cannot join two checkpoints that it signed itself: say so if its log has become too short."""
        fields = await self._head()
        head = open_note(fields["note"], await self._memory())
        if head.size < gap.later.size:
            message = f"the log has {head.size} entries and had {gap.later.size} before"
            raise LedgerTruncated(message, remembered=gap.remembered, shown=fields["note"])
        raise EvidenceError("the server does not prove that its log continues what was seen before")
