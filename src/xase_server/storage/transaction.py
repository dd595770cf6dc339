"""The write transaction of a group commit, the same for both databases."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from xase_server.domain.entries import Claim, PayloadErased, Stream, TokensErased
from xase_server.domain.objects import ObjectRef, Usage
from xase_server.domain.quotas import Counted
from xase_server.ports import Head, SealedAppend, SealedBatch, StorageUnavailable, StreamHead, Unwritable
from xase_server.storage.memo import Memo
from xase_server.storage.objects import find_counted, find_revisions, find_usage
from xase_server.storage.packing import pack_parts
from xase_server.storage.projection import Projection
from xase_server.storage.session import Row, Session

_SWEPT_AT_ONCE: Final = 64
_stream_of: Final = attrgetter("append.stream")


def claim_name(scope: str, key: str) -> bytes:
    """What a claim is found by."""
    return hashlib.sha256(b"%d %b %b" % (len(scope.encode()), scope.encode(), key.encode())).digest()


class SqlTransaction:
    """Implements `xase_server.ports.Transaction` over a session whose head row is locked."""

    def __init__(self, session: Session, head: Head, memo: Memo) -> None:
        self.head = head
        self.appended = 0
        self.erases = False
        self.grown: Counter[int] = Counter()
        """How many decisions each organisation gained, by its number."""
        self._session = session
        self._memo = memo
        self._written = head
        memo.begin(head)

    def claims(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Claim]:
        """The stored claims among these."""
        if not keys:
            return {}
        names = {claim_name(*key): key for key in keys}
        found = self._session.find("find_claims", [(name,) for name in names])
        return {names[name]: Claim(*names[name], request, answer) for name, request, answer in found}

    def streams(self, names: Sequence[Stream]) -> Mapping[Stream, StreamHead]:
        """The ends of these chains."""
        known = self._memo.streams
        unknown = [(name,) for name in names if name not in known]
        if unknown:
            found = self._session.find("find_streams", unknown)
            known.update({name: (number, StreamHead(length, digest)) for name, number, length, digest in found})
        return {name: known[name][1] for name in names if name in known}

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """The revisions of these objects."""
        return find_revisions(self._session, refs)

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """What these accounts have used."""
        return find_usage(self._session, accounts)

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """The newest counts."""
        return find_counted(self._session, keys)

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far."""
        known = self._memo.tiles.get((level, number))
        if known is not None:
            return known
        rows = self._session.rows("read_tile", level=level, number=number)
        return rows[0][0] if rows else b""

    def write(self, batch: SealedBatch) -> None:
        """Write everything and advance the head."""
        if batch.head.size - len(batch.appends) != self.head.size:
            raise StorageUnavailable("the batch was not sealed on this head")
        try:
            self._write_log(batch)
        except Unwritable as error:
            raise StorageUnavailable("the log does not continue where its head says") from error
        projection = Projection(self._session, self._memo)
        projection.write(batch.appends)
        self.grown.update(projection.grown)
        self.erases = any(isinstance(each.append.effect, PayloadErased | TokensErased) for each in batch.appends)
        self._write_claims(batch)
        self._advance(batch.head)
        self._written = batch.head
        self.appended += len(batch.appends)

    def keep(self) -> None:
        """The transaction has committed: what the memo learned is true."""
        self._memo.commit(self._written)

    def _write_log(self, batch: SealedBatch) -> None:
        session = self._session
        streams = self._extend_streams(batch.streams)
        session.many("add_entries", [(each.entry.index, each.entry.raw) for each in batch.appends])
        session.many("add_stream_runs", _runs(batch.appends, streams))
        session.many("add_payloads", _payloads(batch.appends))
        session.many("put_tiles", [(level, number, hashes) for (level, number), hashes in batch.tiles.items()])
        session.many("add_checkpoints", [(batch.head.size, batch.head.checkpoint)])
        self._memo.tiles.clear()
        self._memo.tiles.update(batch.tiles)

    def _extend_streams(self, ends: Mapping[Stream, StreamHead]) -> Mapping[str, tuple[int, StreamHead]]:
        """Write where the chains end now; gives their numbers."""
        known = self._memo.streams
        self._session.many("put_streams", [(name, end.length, end.hash) for name, end in ends.items()])
        self.streams([name for name in ends if name not in known])
        known.update({name: (known[name][0], end) for name, end in ends.items()})
        return known

    def _write_claims(self, batch: SealedBatch) -> None:
        expires_ms = batch.claims_expire_ms
        new = [(claim_name(c.scope, c.key), c.request, c.answer, expires_ms) for c in batch.claims]
        if new:
            sweep = len(new) + _SWEPT_AT_ONCE
            self._session.run("sweep_claims", now_ms=batch.head.time_ms, limit=sweep)
            self._session.many("add_claims", new)

    def _advance(self, head: Head) -> None:
        self._session.advance_head(
            size=head.size,
            compact=head.compact,
            checkpoint=head.checkpoint,
            time_ms=head.time_ms,
            was=self.head.size,
            epoch=head.epoch,
        )


def _runs(appends: Sequence[SealedAppend], streams: Mapping[str, tuple[int, StreamHead]]) -> list[Row]:
    """Entries that follow each other in their chain and in the log alike: chain, first sequence and index, count."""
    runs = []
    for stream, group in groupby(appends, key=_stream_of):
        run = list(group)
        runs.append((streams[stream][0], run[0].entry.sequence, run[0].entry.index, len(run)))
    return runs


def _payloads(appends: Sequence[SealedAppend]) -> list[Row]:
    return [(each.entry.index, pack_parts(each.append.parts)) for each in appends if each.append.parts]
