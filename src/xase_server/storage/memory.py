"""The ledger in plain dictionaries: for simulations and tests. Nothing survives the process.

A transaction notes what it replaces, and puts it back when it does not commit. While somebody reads it works on a
copy, so that a reader's view stands still; what the dictionaries hold is never changed, only replaced. Lists
are answered by looking at every decision: this is what the databases' lists are held to.
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import (
    ApiKeyRow,
    BundleRow,
    BundleStored,
    Claim,
    DecisionStored,
    Effect,
    InterventionStored,
    KeyRevoked,
    KeyStored,
    ObjectsChanged,
    Part,
    PayloadErased,
    SealedEntry,
    Stream,
    TokensErased,
    Used,
)
from xase_server.domain.objects import ObjectRef, Usage
from xase_server.domain.quotas import Counted
from xase_server.domain.tokens import TokenRow
from xase_server.ports import (
    AmbiguousPrefix,
    DecisionPage,
    DecisionRow,
    Erasure,
    Head,
    InterventionRow,
    Reads,
    SealedAppend,
    SealedBatch,
    StorageUnavailable,
    StreamHead,
    Transaction,
    Unwritable,
)
from xase_server.storage.memory_decisions import MemoryDecision
from xase_server.storage.memory_objects import MemoryObjectReads
from xase_server.storage.memory_outbox import MemoryOutbox
from xase_server.storage.memory_state import MemoryState

T = TypeVar("T")

CHUNK_BYTES: Final = 1 << 20


class MemoryStorage:
    """Implements `xase_server.ports.Storage`."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._turn = threading.Lock()
        self._state: MemoryState | None = None
        self.outbox = MemoryOutbox()

    @property
    def reads_are_inline(self) -> bool:
        """A read takes microseconds."""
        return True

    def initialise(self, log: str) -> None:
        """Create the head of a new log unless there is one."""
        with self._writing:
            self._state = self._state or MemoryState(Head(log, 0, b"", "", 0, 0))

    @contextlib.contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One group commit; when the context ends without an exception, what was written stays."""
        with self._writing, contextlib.ExitStack() as stack:
            yield _MemoryTransaction(self._now(), lambda: stack.enter_context(self._changing()))

    def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on the state as it is now."""
        with self._turn:
            state = self._now()
            state.readers += 1
        try:
            return work(_MemoryReads(state))
        finally:
            with self._turn:
                state.readers -= 1

    def touch_keys(self, used_ms: Mapping[str, int]) -> None:
        """Note when keys were last used."""
        with self._writing, self._changing() as state:
            for name, time_ms in used_ms.items():
                if key := state.keys.get(name):
                    state.keys[name] = replace(key, last_used_ms=max(key.last_used_ms or 0, time_ms))

    def keep_tokens(self, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
        """Give each name its token."""
        with self._writing, self._changing() as state:
            return state.tokens.keep(rows)

    def raise_epoch(self) -> int:
        """Mark that the store was restored from a copy."""
        with self._writing, self._changing() as state:
            state.head = replace(state.head, epoch=state.head.epoch + 1)
            return state.head.epoch

    @contextlib.contextmanager
    def _changing(self) -> Iterator[MemoryState]:
        """A state to change, which is in place when the block ends, and as it was when it fails."""
        with self._turn:
            state = self._now()
            if state.readers:
                state = state.copy()
            try:
                yield state
            except BaseException:
                state.undo()
                raise
            state.commit()
            self._state = state

    def check(self) -> None:
        """Raise StorageUnavailable unless there is a log."""
        self._now()

    def close(self) -> None:
        """Nothing to give back."""

    def _now(self) -> MemoryState:
        if self._state is None:
            raise StorageUnavailable("the store holds no log yet")
        return self._state


class _MemoryTransaction:
    """Implements `xase_server.ports.Transaction`."""

    def __init__(self, state: MemoryState, change: Callable[[], MemoryState]) -> None:
        self.state = state
        self._begin = change

    @property
    def head(self) -> Head:
        return self.state.head

    def claims(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Claim]:
        return {key: self.state.claims[key][0] for key in keys if key in self.state.claims}

    def streams(self, names: Sequence[Stream]) -> Mapping[Stream, StreamHead]:
        return {name: self.state.streams[name] for name in names if name in self.state.streams}

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        return self.state.objects.revisions(refs)

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        return self.state.objects.usage(accounts)

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        return self.state.objects.counted(keys)

    def tile(self, level: int, number: int) -> bytes:
        return self.state.tiles.get((level, number), b"")

    def write(self, batch: SealedBatch) -> None:
        if batch.head.size != self.head.size + len(batch.appends):
            raise StorageUnavailable("the batch was not sealed on this head")
        state = self.state = self._begin()
        for each in batch.appends:
            self._write_entry(each)
        for each in batch.appends:
            if each.append.effect is not None:
                self._apply(each.append.effect, each.append.id, each.entry)
        state.streams.put(batch.streams)
        state.tiles.put(batch.tiles)
        state.checkpoints[batch.head.size] = batch.head.checkpoint
        self._sweep_claims(batch.head.time_ms)
        state.claims.put({(claim.scope, claim.key): (claim, batch.claims_expire_ms) for claim in batch.claims})
        state.head = batch.head

    def _sweep_claims(self, now_ms: int) -> None:
        """The oldest come first, and expire first."""
        claims = self.state.claims
        for name in list(itertools.takewhile(lambda name: claims[name][1] <= now_ms, claims)):
            del claims[name]

    def _write_entry(self, sealed: SealedAppend) -> None:
        state, append, entry = self.state, sealed.append, sealed.entry
        if entry.index != len(state.entries) or (append.stream, entry.sequence) in state.stream_entries:
            raise StorageUnavailable("the log does not continue where its head says")
        if (append.organisation, append.id) in state.ids:
            raise Unwritable(f"the id {append.id} is in use")
        state.entries.append(entry.raw)
        state.stream_entries[append.stream, entry.sequence] = entry.index
        state.ids[append.organisation, append.id] = entry.index
        state.anywhere.setdefault(append.id, entry.index)
        if append.parts:
            state.parts[entry.index] = dict(append.parts)

    def _apply(self, effect: Effect, identifier: str, entry: SealedEntry) -> None:
        match effect:
            case ObjectsChanged():
                self.state.objects.change(effect.objects, entry)
            case Used():
                self.state.objects.use(effect, entry)
            case DecisionStored():
                self._add_decision(effect, identifier, entry)
            case InterventionStored(organisation, record_id):
                self._change(organisation, record_id, intervened=True)
                self.state.interventions[organisation, identifier] = (record_id, entry.index)
            case PayloadErased() | TokensErased():
                self._erase(effect, entry)
            case KeyStored():
                self._add_key(effect)
            case KeyRevoked(organisation, key_id):
                self.state.objects.change(effect.objects, entry)
                key = self._key(organisation, key_id)
                self.state.keys[key_id] = replace(key, revoked_ms=key.revoked_ms or entry.time_ms)
            case BundleStored(row):
                if row.id in self.state.bundles:
                    raise Unwritable(f"the id {row.id} is in use")
                self.state.bundles[row.id] = effect

    def _add_decision(self, effect: DecisionStored, identifier: str, entry: SealedEntry) -> None:
        number = self.state.counts.get(effect.organisation, 0)
        self.state.counts[effect.organisation] = number + 1
        self.state.decisions[effect.organisation, identifier] = MemoryDecision(
            identifier, number, entry.index, entry.time_ms, effect, effect.transaction_id
        )

    def _change(self, organisation: str, record_id: str, **changes: object) -> MemoryDecision:
        decision = self.state.decisions.get((organisation, record_id))
        if decision is None:
            raise Unwritable(f"no decision record {record_id}")
        self.state.decisions[organisation, record_id] = replace(decision, **changes)  # type: ignore[arg-type]
        return decision

    def _erase(self, effect: PayloadErased | TokensErased, entry: SealedEntry) -> None:
        if isinstance(effect, TokensErased):
            self.state.tokens.erase(effect.names)
            return
        place = (effect.organisation, effect.record_id)
        decision = self._change(*place)
        self._change(*place, erased=entry.index if decision.erased is None else decision.erased)
        if "transaction_id" in effect.parts:
            self._change(*place, transaction_id=None)
        parts = self.state.parts.get(decision.index, {})
        self.state.parts[decision.index] = {name: part for name, part in parts.items() if name not in effect.parts}

    def _add_key(self, effect: KeyStored) -> None:
        keys, key = self.state.keys, effect.key
        if key.id in keys or any(other.digest == key.digest for other in keys.values()):
            raise Unwritable(f"the API key {key.id} is there already")
        keys[key.id] = key
        if effect.replaces is not None:
            old = self._key(key.organisation, effect.replaces)
            keys[old.id] = replace(old, rotated_to=key.id, expires_ms=effect.old_expires_ms)

    def _key(self, organisation: str, key_id: str) -> ApiKeyRow:
        key = self.state.keys.get(key_id)
        if key is None or key.organisation != organisation:
            raise Unwritable(f"no API key {key_id}")
        return key


class _MemoryReads(MemoryObjectReads):
    """Implements `xase_server.ports.Reads`."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state.objects, state.entries, state.parts)
        self._state = state

    def head(self) -> Head:
        return self._state.head

    def decision(self, organisation: str, prefix: str) -> DecisionRow | None:
        found = [each for each in self._state.of(organisation) if each.id.startswith(prefix)]
        if len(found) > 1:
            raise AmbiguousPrefix(prefix)
        return self._row(found[0]) if found else None

    def decisions(self, organisation: str, ids: Sequence[str]) -> Sequence[DecisionRow]:
        return [self._row(each) for each in self._state.of(organisation) if each.id in ids]

    def list_decisions(self, organisation: str, criteria: DecisionFilter, page: Page) -> DecisionPage:
        matching = [each for each in self._state.of(organisation) if each.matches(criteria)]
        ordered = matching[::-1] if page.descending else matching
        if page.after is not None:
            sign = -1 if page.descending else 1
            ordered = [each for each in ordered if sign * each.number > sign * page.after]
        found = ordered[page.offset : page.offset + page.limit]
        more = len(ordered) > page.offset + page.limit
        next_after = found[-1].number if found and more else None
        return DecisionPage([self._row(each) for each in found], len(matching), next_after)

    def interventions(self, organisation: str, record_ids: Sequence[str]) -> Sequence[InterventionRow]:
        state = self._state
        return [
            InterventionRow(name, record, state.entries[index], dict(state.parts.get(index, {})))
            for (owner, name), (record, index) in state.interventions.items()
            if owner == organisation and record in record_ids
        ]

    def entry(self, organisation: str, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        index = self._state.ids.get((organisation, identifier))
        if index is None:
            return None
        return index, self._state.entries[index], dict(self._state.parts.get(index, {}))

    def entries(self, start: int, limit: int) -> Sequence[bytes]:
        return self._state.entries[start : start + limit]

    def stream_entries(self, stream: Stream, start: int, limit: int) -> Sequence[tuple[int, bytes]]:
        places = ((stream, sequence) for sequence in range(start, start + limit))
        found = (self._state.stream_entries[place] for place in places if place in self._state.stream_entries)
        return [(index, self._state.entries[index]) for index in found]

    def streams(self, after: str, limit: int) -> Sequence[tuple[Stream, StreamHead]]:
        return sorted(each for each in self._state.streams.items() if each[0] > after)[:limit]

    def parts(self, start: int, limit: int) -> Mapping[int, Mapping[str, Part]]:
        found = self._state.parts
        return {index: dict(found[index]) for index in range(start, start + limit) if index in found}

    def tile(self, level: int, number: int) -> bytes:
        return self._state.tiles.get((level, number), b"")

    def checkpoint(self, at_least: int) -> str | None:
        return _nearest(self._state.checkpoints, (size for size in self._state.checkpoints if size >= at_least), min)

    def checkpoint_before(self, at_most: int) -> str | None:
        return _nearest(self._state.checkpoints, (size for size in self._state.checkpoints if size <= at_most), max)

    def checkpoints(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        return sorted(each for each in self._state.checkpoints.items() if each[0] > after)[:limit]

    def key(self, digest: bytes) -> ApiKeyRow | None:
        return next((key for key in self._state.keys.values() if key.digest == digest), None)

    def keys(self, organisation: str) -> Sequence[ApiKeyRow]:
        return [key for key in reversed(self._state.keys.values()) if key.organisation == organisation]

    def bundle(self, organisation: str, identifier: str) -> BundleRow | None:
        found = self._state.bundles.get(identifier)
        return found.row if found and found.row.organisation == organisation else None

    def bundle_chunk(self, identifier: str, number: int) -> bytes:
        found = self._state.bundles.get(identifier)
        return found.content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES] if found else b""

    def claim(self, scope: str, key: str) -> Claim | None:
        found = self._state.claims.get((scope, key))
        return found[0] if found else None

    def tokens(self, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return self._state.tokens.tokens(names)

    def token_rows(self, dataset: str, tokens: Sequence[bytes]) -> Sequence[TokenRow]:
        return self._state.tokens.of(dataset, tokens)

    def any_entry(self, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        state = self._state
        index = state.anywhere.get(identifier)
        return None if index is None else (index, state.entries[index], dict(state.parts.get(index, {})))

    def _row(self, decision: MemoryDecision) -> DecisionRow:
        state, erased = self._state, decision.erased
        return DecisionRow(
            id=decision.id,
            number=decision.number,
            intervened=decision.intervened,
            raw=state.entries[decision.index],
            parts=dict(state.parts.get(decision.index, {})),
            erasure=None if erased is None else Erasure(state.entries[erased], dict(state.parts.get(erased, {}))),
        )


def _nearest(checkpoints: Mapping[int, str], sizes: Iterable[int], choose: Callable[..., int | None]) -> str | None:
    size = choose(sizes, default=None)
    return None if size is None else checkpoints[size]
