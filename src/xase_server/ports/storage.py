"""What a storage promises.

A storage is synchronous. One dedicated writer thread of each process calls `begin`; readers call
`read`. Storages know nothing of each other; all run under one contract suite
(tests/contract). Every failure of the database leaves as `StorageUnavailable`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from msgspec import Struct

from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import (
    ApiKeyRow,
    Append,
    BundleRow,
    Claim,
    Part,
    SealedEntry,
    Stream,
)
from xase_server.domain.objects import ModelUse, ObjectQuery, ObjectRef, ObjectRow, Usage
from xase_server.domain.quotas import Counted
from xase_server.domain.tokens import TokenRow
from xase_server.ports.webhooks import Outbox

T = TypeVar("T")


class StorageUnavailable(Exception):
    """The database cannot be read or written now; whether a commit happened may be unknown."""


class Unwritable(Exception):
    """An append contradicts what is stored (an id in use, an unknown record); its batch was not written."""


class AmbiguousPrefix(Exception):
    """An identifier prefix names more than one object."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: everything an append builds on.

    `compact` are the hashes of the tree's right edge (`CompactRange.to_bytes`), `checkpoint` the
    signed note for `size`; it is empty only for a log that has never been written. `epoch` is
    raised by every restore.
    """

    log: str
    size: int
    compact: bytes
    checkpoint: str
    time_ms: int
    epoch: int


class StreamHead(Struct, frozen=True):
    """The end of one chain: how many entries it has and the digest of the last (64 zeros for none)."""

    length: int
    hash: str


class SealedAppend(Struct, frozen=True):
    """An append with its entry in place."""

    append: Append
    entry: SealedEntry


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """One group commit: what is written in one transaction.

    `tiles` maps (level, number) to the hashes of that tile as they stand after this batch; the
    last tile of each level may be partial and is rewritten by the next batch. Claims whose
    `claims_expire_ms` lies before a later batch's time may be swept by it.
    """

    appends: Sequence[SealedAppend]
    claims: Sequence[Claim]
    streams: Mapping[Stream, StreamHead]
    tiles: Mapping[tuple[int, int], bytes]
    head: Head
    claims_expire_ms: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """The entry that erased a decision record's payload, and its own parts (the reason)."""

    raw: bytes
    parts: Mapping[str, Part]


class DecisionRow(Struct, frozen=True):
    """A decision record as stored: its entry, its place in the list, its payload parts that still exist.

    `erasure` is the entry that first erased some of them.
    """

    id: str
    number: int
    intervened: bool
    raw: bytes
    parts: Mapping[str, Part]
    erasure: Erasure | None = None


@dataclass(frozen=True, slots=True)
class InterventionRow:
    """An intervention as stored."""

    id: str
    record_id: str
    raw: bytes
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """One page of a list: `total` counts all that match; `next_after` continues it, None at the end."""

    rows: Sequence[DecisionRow]
    total: int
    next_after: int | None


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One page of a list of objects: `total` counts all that match; `next_after` continues it, None at the end."""

    rows: Sequence[ObjectRow]
    total: int
    next_after: int | None


class DeliveryRow(Struct, frozen=True):
    """The entry of a release, and its parts that still exist."""

    index: int
    raw: bytes
    parts: Mapping[str, Part]


class Transaction(Protocol):
    """The write transaction of one group commit; the head is locked against every other writer."""

    @property
    def head(self) -> Head:
        """The head as just read under the lock."""
        ...

    def claims(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Claim]:
        """The stored idempotency claims among these (scope, key) pairs."""
        ...

    def streams(self, names: Sequence[Stream]) -> Mapping[Stream, StreamHead]:
        """The ends of these chains; an unknown chain is left out."""
        ...

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """The revisions of these objects; one that does not exist is left out."""
        ...

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """What these sessions and other accounts have used; one that used nothing is left out."""
        ...

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """The newest count of each of these (account, period in milliseconds); one that has none is left out."""
        ...

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far, empty when it does not exist."""
        ...

    def write(self, batch: SealedBatch) -> None:
        """Write the batch and advance the head by compare-and-swap on its size.

        Nothing is durable before the context of `Storage.begin` ends without an exception.
        Raises Unwritable when an append contradicts what is stored; the context must then be left
        by that exception.
        """
        ...


class Reads(Protocol):
    """A consistent view for one read; everything of another organisation looks absent."""

    def head(self) -> Head:
        """The end of the log in this view."""
        ...

    def decision(self, organisation: str, prefix: str) -> DecisionRow | None:
        """One decision record by id or id prefix (`rec_` and at least 8 digits); raises AmbiguousPrefix."""
        ...

    def decisions(self, organisation: str, ids: Sequence[str]) -> Sequence[DecisionRow]:
        """The decision records with these ids, in no particular order; unknown ids are left out."""
        ...

    def list_decisions(self, organisation: str, criteria: DecisionFilter, page: Page) -> DecisionPage:
        """A page and the exact total; equal cost at any depth."""
        ...

    def interventions(self, organisation: str, record_ids: Sequence[str]) -> Sequence[InterventionRow]:
        """The interventions on these records, oldest first."""
        ...

    def entry(self, organisation: str, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        """Index, canonical bytes and existing parts of the entry with this id, whatever its type."""
        ...

    def entries(self, start: int, limit: int) -> Sequence[bytes]:
        """Canonical bytes of the entries from index `start` on."""
        ...

    def stream_entries(self, stream: Stream, start: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """(index, canonical bytes) of one chain's entries from sequence `start` on."""
        ...

    def streams(self, after: str, limit: int) -> Sequence[tuple[Stream, StreamHead]]:
        """The ends of the chains whose names come after `after` in code point order, in that order."""
        ...

    def parts(self, start: int, limit: int) -> Mapping[int, Mapping[str, Part]]:
        """The payload parts of the entries with index in [start, start + limit), by index."""
        ...

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far; empty when it does not exist."""
        ...

    def checkpoint(self, at_least: int) -> str | None:
        """The oldest signed checkpoint whose size is at least this."""
        ...

    def checkpoint_before(self, at_most: int) -> str | None:
        """The newest signed checkpoint whose size is at most this."""
        ...

    def checkpoints(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """(size, note) of the signed checkpoints larger than `after`, smallest first."""
        ...

    def key(self, digest: bytes) -> ApiKeyRow | None:
        """The API key whose secret has this SHA-256."""
        ...

    def keys(self, organisation: str) -> Sequence[ApiKeyRow]:
        """All keys of an organisation, newest first."""
        ...

    def bundle(self, organisation: str, identifier: str) -> BundleRow | None:
        """An evidence bundle by id."""
        ...

    def bundle_chunk(self, identifier: str, number: int) -> bytes:
        """One piece, of at most 1 MiB, of the bundle's bytes; empty behind the last."""
        ...

    def claim(self, scope: str, key: str) -> Claim | None:
        """A stored idempotency claim; it stays at least until it expires."""
        ...

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """The revisions of these objects; one that does not exist is left out."""
        ...

    def object(self, ref: ObjectRef) -> ObjectRow | None:
        """An object, whosoever it is: the use case must look at who may see it."""
        ...

    def objects(self, query: ObjectQuery, page: Page) -> ObjectPage:
        """A page of objects in the order in which they came into being, and the exact total."""
        ...

    def ended(self, kind: str, status: str, now_ms: int, limit: int) -> Sequence[ObjectRow]:
        """Objects of this status whose end has come, longest ago first."""
        ...

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """What these sessions and other accounts have used; one that used nothing is left out."""
        ...

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """The newest count of each of these (account, period in milliseconds); one that has none is left out."""
        ...

    def deliveries(self, dataset: str, version: int, block: int) -> Sequence[DeliveryRow]:
        """The releases that may hold records of this block of a dataset version, oldest first."""
        ...

    def model_uses(
        self,
        *,
        organisation: str | None = None,
        model_id: str | None = None,
        dataset: str | None = None,
        session: str | None = None,
    ) -> Sequence[ModelUse]:
        """What models have had of sessions, by what is given; at least one of model, dataset and session."""
        ...

    def tokens(self, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Name → token of the values with these names; one that has none is left out."""
        ...

    def token_rows(self, dataset: str, tokens: Sequence[bytes]) -> Sequence[TokenRow]:
        """The places of these tokens in the dataset's map, in no particular order; others' are left out."""
        ...

    def any_entry(self, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        """`entry`, whosoever it is: the use case must look at who may see it."""
        ...


class Storage(Protocol):
    """One database: the ledger, the payloads, and the rows derived from them."""

    @property
    def outbox(self) -> Outbox:
        """The messages of webhooks; may be called from any thread."""
        ...

    def initialise(self, log: str) -> None:
        """Create the head of a new log of this origin; does nothing when there is one."""
        ...

    def begin(self) -> AbstractContextManager[Transaction]:
        """Lock the head and start a group commit; leaving the context commits durably.

        Called from one thread at a time. An exception inside rolls everything back. When the
        commit itself fails, its outcome is unknown: StorageUnavailable is raised and the caller
        must forget what it sealed.
        """
        ...

    def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a consistent view; may be called from any thread."""
        ...

    @property
    def reads_are_inline(self) -> bool:
        """Whether a point read is so short (an embedded store) that it may run on the event loop."""
        ...

    def touch_keys(self, used_ms: Mapping[str, int]) -> None:
        """Note when keys were last used; not ledgered, best effort."""
        ...

    def keep_tokens(self, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
        """Give each name a token: the one that it has, or else its row's. Gives name → token, durable on return.

        Of several servers that give tokens to the same names at the same time, one is first, and all get its.
        """
        ...

    def raise_epoch(self) -> int:
        """Mark that the store was restored from a copy; gives the new epoch."""
        ...

    def check(self) -> None:
        """Raise StorageUnavailable unless the store can be read and its durability settings hold."""
        ...

    def close(self) -> None:
        """Give back connections and files; what was committed stays."""
        ...
