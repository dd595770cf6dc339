"""What a store in memory holds, in plain dictionaries that a transaction can put back."""

from collections.abc import Mapping

from xase_server.domain.entries import ApiKeyRow, BundleStored, Claim, Part, Stream
from xase_server.ports import Head, StreamHead
from xase_server.storage.journal import Journal, Kept
from xase_server.storage.memory_decisions import MemoryDecision
from xase_server.storage.memory_objects import MemoryObjects
from xase_server.storage.memory_tokens import MemoryTokens


class MemoryState:
    """Everything stored."""

    def __init__(self, head: Head) -> None:
        self.journal = Journal()
        self.head = head
        self.committed = head
        self.readers = 0
        self.entries: list[bytes] = []
        self.parts: Kept[int, Mapping[str, Part]] = Kept(self.journal)
        self.ids: Kept[tuple[str, str], int] = Kept(self.journal)
        self.anywhere: Kept[str, int] = Kept(self.journal)
        self.streams: Kept[Stream, StreamHead] = Kept(self.journal)
        self.stream_entries: Kept[tuple[Stream, int], int] = Kept(self.journal)
        self.tiles: Kept[tuple[int, int], bytes] = Kept(self.journal)
        self.checkpoints: Kept[int, str] = Kept(self.journal)
        self.claims: Kept[tuple[str, str], tuple[Claim, int]] = Kept(self.journal)
        self.decisions: Kept[tuple[str, str], MemoryDecision] = Kept(self.journal)
        self.counts: Kept[str, int] = Kept(self.journal)
        self.interventions: Kept[tuple[str, str], tuple[str, int]] = Kept(self.journal)
        self.keys: Kept[str, ApiKeyRow] = Kept(self.journal)
        self.bundles: Kept[str, BundleStored] = Kept(self.journal)
        self.objects = MemoryObjects(self.journal)
        self.tokens = MemoryTokens(self.journal)

    def copy(self) -> "MemoryState":
        """A state that can be changed without changing this one."""
        other = MemoryState(self.head)
        other.entries = self.entries.copy()
        for mine, its in ((self, other), (self.objects, other.objects), (self.tokens, other.tokens)):
            kept = {name: each for name, each in vars(mine).items() if isinstance(each, Kept)}
            vars(its).update({name: each.copied(other.journal) for name, each in kept.items()})
        return other

    def commit(self) -> None:
        """What was written stays."""
        self.journal.commit()
        self.committed = self.head

    def undo(self) -> None:
        """As it was at the last commit."""
        self.journal.undo()
        self.head = self.committed
        del self.entries[self.head.size :]

    def of(self, organisation: str) -> list[MemoryDecision]:
        """An organisation's decisions in the order of the log."""
        return [each for (owner, _), each in self.decisions.items() if owner == organisation]
