"""What is derived from entries as they are written: ids, decisions, interventions, keys, bundles.

Everything here could be made again from the entries and their payloads. Numbers and ranks are given
here: the head is locked, so whoever writes knows how long every list is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from xase_server.domain.entries import (
    BundleStored,
    DecisionStored,
    InterventionStored,
    KeyRevoked,
    KeyStored,
    PayloadErased,
    SealedEntry,
    TokensErased,
    objects_in,
)
from xase_server.ports import SealedAppend, Unwritable
from xase_server.storage.confidence import bucket_of
from xase_server.storage.identifiers import id_number
from xase_server.storage.ids import add_ids
from xase_server.storage.memo import Memo
from xase_server.storage.names import Names, name_bytes
from xase_server.storage.objects import write_objects, write_usage
from xase_server.storage.packing import pack_bundle, pack_key_detail, pack_parts, unpack_parts, unpack_text
from xase_server.storage.session import Row, Session
from xase_server.storage.tokens import erase_tokens

CHUNK_BYTES: Final = 1 << 20
BLOCK_BITS: Final = 6
BLOCK_LEVELS: Final = 5
EVERY_LABEL: Final = 0
_TRANSACTION: Final = "transaction_id"

E = TypeVar("E")


Numbered = tuple[DecisionStored, SealedEntry, int, int]
"""A decision with its organisation and its number there."""


class Projection:
    """Writes the derived rows of one batch."""

    def __init__(self, session: Session, memo: Memo) -> None:
        self.grown: Counter[int] = Counter()
        """How many decisions each organisation gained."""
        self._session = session
        self._memo = memo
        self._names = Names(session, memo)
        self._numbers: dict[Row, int] = {}

    def write(self, appends: Sequence[SealedAppend]) -> None:
        """Write all rows; raises Unwritable when one contradicts what is stored."""
        others = [each for each in appends if type(each.append.effect) is not DecisionStored]
        named = {each.append.organisation for each in appends}
        self._organisations = self._names.organisations(named.union(_organisations_in(others)))
        decisions = self._number(appends)
        add_ids(self._session, appends[0].entry.index, self._id_rows(appends))
        if decisions:
            self._add_decisions(decisions)
        if others:
            self._write_others(others)

    def _write_others(self, appends: Sequence[SealedAppend]) -> None:
        self._add_interventions(list(_effects(appends, InterventionStored)))
        for erasure, sealed in _effects(appends, PayloadErased):
            self._erase(erasure, sealed.entry)
        for tokens, _ in _effects(appends, TokensErased):
            erase_tokens(self._session, tokens.names)
        write_objects(self._session, appends, self._organisations)
        write_usage(self._session, appends, self._organisations)
        self._write_keys(appends)
        for bundle, sealed in _effects(appends, BundleStored):
            self._add_bundle(bundle, sealed.entry)

    def _id_rows(self, appends: Sequence[SealedAppend]) -> list[Row]:
        organisations, numbers, rows = self._organisations, self._numbers, []
        for each in appends:
            identifier, owner = each.append.id, organisations[each.append.organisation]
            rows.append((id_number(identifier), owner, each.entry.index, numbers.get((owner, identifier))))
        return rows

    # ------------------------------------------------------------------ decisions

    def _number(self, appends: Sequence[SealedAppend]) -> list[Numbered]:
        found = list(_effects(appends, DecisionStored))
        lengths = self._lengths({self._organisations[effect.organisation] for effect, _ in found})
        numbered = []
        for effect, sealed in found:
            owner = self._organisations[effect.organisation]
            number = lengths[owner]
            lengths[owner] = number + 1
            self._numbers[owner, sealed.append.id] = number
            numbered.append((effect, sealed.entry, owner, number))
        return numbered

    def _lengths(self, owners: Iterable[int]) -> dict[int, int]:
        """How many decisions each organisation has so far."""
        lengths = self._memo.lengths
        unknown = [(owner,) for owner in owners if owner not in lengths]
        if unknown:
            found = {row[0]: row[1] for row in self._session.find("find_lengths", unknown)}
            lengths.update({owner: found.get(owner, 0) for (owner,) in unknown})
        return lengths

    def _add_decisions(self, decisions: Sequence[Numbered]) -> None:
        labels = [(owner, effect.model_id, effect.policy_id) for effect, _, owner, _ in decisions]
        numbers = self._names.labels(labels)
        rows, named = [], []
        times: dict[tuple[int, int], int] = {}
        for label, (effect, entry, owner, number) in zip(labels, decisions, strict=True):
            confidence = effect.confidence
            bucket = None if confidence is None else bucket_of(confidence)
            rows.append((owner, number, entry.index, numbers[label], bucket, confidence))
            times.setdefault((owner, entry.time_ms), number)
            if effect.transaction_id is not None:
                named.append((owner, name_bytes(effect.transaction_id), number))
        self._session.many("add_decisions", rows)
        self._session.many("add_decision_times", [(*place, number) for place, number in times.items()])
        self._session.many("add_transactions", named)
        self.grown = Counter([owner for _, _, owner, _ in decisions])

    # ------------------------------------------------------------------ interventions and erasures

    def _number_of(self, organisation: str, record_id: str) -> Row:
        """(organisation, number) of a decision record by its id."""
        owner = self._organisations[organisation]
        number = self._numbers.get((owner, record_id))
        if number is None:
            found = self._session.find("find_entry_ids", [(id_number(record_id),)])
            number = found[0][1] if found and found[0][0] == owner else None
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

    @staticmethod
    def _blocks(decisions: Iterable[Row]) -> list[Row]:
        """One more in every block, of its label and of all, that a newly intervened decision lies in."""
        counts = Counter(
            (organisation, filed, level, number >> BLOCK_BITS * level)
            for organisation, number, _, _, label in decisions
            for filed in (EVERY_LABEL, label)
            for level in range(BLOCK_LEVELS)
        )
        return [(*block, count) for block, count in counts.items()]

    def _erase(self, erasure: PayloadErased, entry: SealedEntry) -> None:
        place = self._number_of(erasure.organisation, erasure.record_id)
        decision = dict(zip(("organisation", "number"), place, strict=True))
        ((_, _, decided, *_),) = self._session.find("find_decisions", [place])
        for index, packed in self._session.find("find_payloads", [(decided,)]):
            parts = unpack_parts(packed)
            if _TRANSACTION in erasure.parts and _TRANSACTION in parts:
                self._session.change(
                    "forget_transaction", name=name_bytes(unpack_text(parts[_TRANSACTION])), **decision
                )
            kept = {name: part for name, part in parts.items() if name not in erasure.parts}
            self._session.run("replace_payload", packed=pack_parts(kept), idx=index)
        self._session.run("mark_erased", idx=entry.index, **decision)

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


def _organisations_in(appends: Sequence[SealedAppend]) -> Iterator[str]:
    """Every organisation that the objects of these appends speak of."""
    for each in appends:
        for row in objects_in(each.append.effect):
            yield row.organisation
            if row.partner is not None:
                yield row.partner
