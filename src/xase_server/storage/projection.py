"""What is derived from entries as they are written: ids, lists of decisions, interventions, keys, bundles.

Everything here could be made again from the entries and their payloads. Ranks are given here: the
head is locked, so whoever writes knows how long every list is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from xase_server.domain.entries import (
    BundleStored,
    DecisionStored,
    InterventionStored,
    KeyRevoked,
    KeyStored,
    PayloadErased,
    SealedEntry,
)
from xase_server.ports import SealedAppend, Unwritable
from xase_server.storage.confidence import bucket_keys, bucket_of
from xase_server.storage.names import (
    CONFIDENCE,
    EVERY,
    MODEL,
    MODEL_AND_POLICY,
    POLICY,
    Names,
    bucket_bytes,
    name_bytes,
    pair_bytes,
)
from xase_server.storage.packing import pack_bundle, pack_key_detail, pack_parts, unpack_parts, unpack_text
from xase_server.storage.session import Row, Session

CHUNK_BYTES: Final = 1 << 20
BLOCK_BITS: Final = 6
BLOCK_LEVELS: Final = 5
_TRANSACTION: Final = "transaction_id"

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A decision with its place in its organisation's list."""

    effect: DecisionStored
    entry: SealedEntry
    organisation: int
    number: int


class Projection:
    """Writes the derived rows of one batch; `organisations` numbers those that occur in it."""

    def __init__(self, session: Session, names: Names, organisations: Mapping[str, int]) -> None:
        self._session = session
        self._names = names
        self._organisations = organisations
        self._numbers: dict[Row, int] = {}

    def write(self, appends: Sequence[SealedAppend]) -> None:
        """Write all rows; raises Unwritable when one contradicts what is stored."""
        decisions = self._number(appends)
        self._session.many("add_entry_ids", [self._id_row(each) for each in appends])
        if decisions:
            self._add_decisions(decisions)
        self._add_interventions(list(_effects(appends, InterventionStored)))
        for erasure, sealed in _effects(appends, PayloadErased):
            self._erase(erasure, sealed.entry)
        self._write_keys(appends)
        for bundle, sealed in _effects(appends, BundleStored):
            self._add_bundle(bundle, sealed.entry)

    def _id_row(self, sealed: SealedAppend) -> Row:
        organisation = self._organisations[sealed.append.organisation]
        identifier = sealed.append.id
        return organisation, identifier, sealed.entry.index, self._numbers.get((organisation, identifier))

    # ------------------------------------------------------------------ decisions

    def _number(self, appends: Sequence[SealedAppend]) -> list[Numbered]:
        found = list(_effects(appends, DecisionStored))
        owners = {self._organisations[effect.organisation] for effect, _ in found}
        following = {row[0]: row[1] for row in self._session.find("find_next_numbers", [(owner,) for owner in owners])}
        numbered = []
        for effect, sealed in found:
            owner = self._organisations[effect.organisation]
            number = following.get(owner, 0)
            following[owner] = number + 1
            self._numbers[owner, sealed.append.id] = number
            numbered.append(Numbered(effect, sealed.entry, owner, number))
        return numbered

    def _add_decisions(self, decisions: Sequence[Numbered]) -> None:
        lists = [self._own_lists(each) for each in decisions]
        numbers = self._names.lists(key for keys in lists for key in keys)
        rows, pairs = [], []
        for each, (model_key, *policy_key) in zip(decisions, lists, strict=True):
            model = numbers[model_key]
            policy = numbers[policy_key[0]] if policy_key else None
            pairs.append(_pair_key(each.organisation, model, policy))
            rows.append((
                each.organisation, each.number, each.entry.index, each.entry.time_ms, model, policy,
                each.effect.confidence,
            ))  # fmt: skip
        self._session.many("add_decisions", rows)
        named = ((each.organisation, name_bytes(each.effect.transaction_id), each.number) for each in decisions
                 if each.effect.transaction_id is not None)  # fmt: skip
        self._session.many("add_transactions", list(named))
        self._post(decisions, rows, pairs)

    @staticmethod
    def _own_lists(each: Numbered) -> tuple[Row, ...]:
        model = (each.organisation, MODEL, name_bytes(each.effect.model_id))
        if each.effect.policy_id is None:
            return (model,)
        return model, (each.organisation, POLICY, name_bytes(each.effect.policy_id))

    def _post(self, decisions: Sequence[Numbered], rows: Sequence[Row], pairs: Sequence[Row | None]) -> None:
        """Add each decision to its lists: model, policy, both together, and its buckets of confidence."""
        buckets = [_bucket_keys(each) for each in decisions]
        numbers = self._names.lists([*filter(None, pairs), *(key for keys in buckets for key in keys)])
        postings: list[tuple[int, int, float | None]] = []
        widest: dict[int, tuple[float, float]] = {}
        for each, row, pair, keys in zip(decisions, rows, pairs, buckets, strict=True):
            postings.append((row[4], each.number, None))
            if pair is not None:
                postings += [(row[5], each.number, None), (numbers[pair], each.number, None)]
            confidence = each.effect.confidence
            if confidence is not None:
                *groups, leaf = (numbers[key] for key in keys)
                postings += [(group, each.number, None) for group in groups]
                postings.append((leaf, each.number, confidence))
                low, high = widest.get(leaf, (confidence, confidence))
                widest[leaf] = min(low, confidence), max(high, confidence)
        self._session.many("add_postings", self._rank(postings))
        self._session.many("widen_lists", [(low, high, leaf) for leaf, (low, high) in widest.items()])

    def _rank(self, postings: Sequence[tuple[int, int, float | None]]) -> list[Row]:
        touched = {number: None for number, _, _ in postings}
        ranks = {row[0]: row[1] for row in self._session.find("find_next_ranks", [(number,) for number in touched])}
        ranked: list[Row] = []
        for listed, number, confidence in postings:
            rank = ranks.get(listed, 0)
            ranks[listed] = rank + 1
            ranked.append((listed, number, rank, confidence))
        return ranked

    # ------------------------------------------------------------------ interventions and erasures

    def _number_of(self, organisation: str, record_id: str) -> Row:
        """(organisation, number) of a decision record by its id."""
        owner = self._organisations[organisation]
        number = self._numbers.get((owner, record_id))
        if number is None:
            found = self._session.find("find_entry_ids", [(owner, record_id)])
            number = found[0][2] if found else None
        if number is None:
            raise Unwritable(f"no decision record {record_id}")
        return owner, number

    def _add_interventions(self, found: Sequence[tuple[InterventionStored, SealedAppend]]) -> None:
        if not found:
            return
        places = [self._number_of(effect.organisation, effect.record_id) for effect, _ in found]
        rows = [(*place, sealed.entry.index) for place, (_, sealed) in zip(places, found, strict=True)]
        self._session.many("add_interventions", rows)
        first = [row for row in self._session.find("find_decisions", dict.fromkeys(places)) if not row[3]]
        self._session.many("mark_intervened", [row[:2] for row in first])
        self._session.many("add_intervened", self._blocks(first))

    def _blocks(self, decisions: Iterable[Row]) -> list[Row]:
        """One more in every block, of every list, that a newly intervened decision lies in."""
        counts: Counter[Row] = Counter()
        for organisation, number, _, _, model, policy in decisions:
            keys = [(organisation, EVERY, b""), _pair_key(organisation, model, policy)]
            lists = {model, policy, *self._names.lists(filter(None, keys)).values()} - {None}
            counts.update(
                (listed, level, number >> BLOCK_BITS * level) for listed in lists for level in range(BLOCK_LEVELS)
            )
        return [(*block, count) for block, count in counts.items()]

    def _erase(self, erasure: PayloadErased, entry: SealedEntry) -> None:
        place = self._number_of(erasure.organisation, erasure.record_id)
        ((_, _, decided, *_),) = self._session.find("find_decisions", [place])
        for _, packed in self._session.find("find_payloads", [(decided,)]):
            parts = unpack_parts(packed)
            if _TRANSACTION in erasure.parts and _TRANSACTION in parts:
                name = name_bytes(unpack_text(parts[_TRANSACTION]))
                self._session.many("forget_transactions", [(place[0], name, place[1])])
            kept = {name: part for name, part in parts.items() if name not in erasure.parts}
            self._session.many("replace_payloads", [(pack_parts(kept), decided)])
        self._session.many("mark_erased", [(entry.index, *place)])

    # ------------------------------------------------------------------ keys and bundles

    def _write_keys(self, appends: Sequence[SealedAppend]) -> None:
        for stored, sealed in _effects(appends, KeyStored):
            key, owner = stored.key, self._organisations[stored.key.organisation]
            row = (key.id, owner, sealed.entry.index, key.digest, key.created_ms, key.expires_ms, pack_key_detail(key))
            self._session.many("add_api_keys", [row])
            if stored.replaces is not None:
                place = {"organisation": owner, "id": stored.replaces}
                self._must_change("replace_key", by=key.id, expires_ms=stored.old_expires_ms, **place)
        for revoked, sealed in _effects(appends, KeyRevoked):
            owner = self._organisations[revoked.organisation]
            self._must_change("revoke_key", time_ms=sealed.entry.time_ms, organisation=owner, id=revoked.key_id)

    def _must_change(self, name: str, **values: Any) -> None:
        if self._session.change(name, **values) != 1:
            raise Unwritable(f"no API key {values['id']}")

    def _add_bundle(self, bundle: BundleStored, entry: SealedEntry) -> None:
        row, content = bundle.row, bundle.content
        owner = self._organisations[row.organisation]
        self._session.many("add_bundles", [(owner, entry.index, row.id, pack_bundle(row))])
        for number, start in enumerate(range(0, len(content), CHUNK_BYTES)):
            self._session.many("add_bundle_chunks", [(row.id, number, content[start : start + CHUNK_BYTES])])


def _effects(appends: Sequence[SealedAppend], kind: type[E]) -> Iterator[tuple[E, SealedAppend]]:
    return ((each.append.effect, each) for each in appends if isinstance(each.append.effect, kind))


def _pair_key(organisation: int, model: int, policy: int | None) -> Row | None:
    if policy is None:
        return None
    return organisation, MODEL_AND_POLICY, pair_bytes(model, policy)


def _bucket_keys(each: Numbered) -> tuple[Row, ...]:
    confidence = each.effect.confidence
    if confidence is None:
        return ()
    groups = bucket_keys(bucket_of(confidence))
    return tuple((each.organisation, CONFIDENCE + level, bucket_bytes(group)) for level, group in enumerate(groups))
