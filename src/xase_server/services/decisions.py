"""Decision records: record, read, intervene, erase, prove (docs/spec/api.md, section 2)."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET
from msgspec.json import decode

from xase.proof.digest import format_digest, leaf_hash
from xase_server.domain.decisions import PAYLOAD_PARTS, DecisionFilter, Erasure, NewDecision, Page
from xase_server.domain.entries import (
    Append,
    DecisionStored,
    PayloadErased,
    Replayed,
    SealedEntry,
    Unit,
    decisions_stream,
)
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.ids import is_decision_id_prefix, new_id
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ledger.read import receipt
from xase_server.ports import AmbiguousPrefix, DecisionRow, InterventionRow, Reads
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    made_before,
    recall,
    remember,
    remembered,
)
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View, decision_view, group_by_record, intervention_view

_IN_CLEAR: Final = ("model_id", "model_version", "model_hash", "policy_id", "confidence")
_COMMITTED: Final = (*PAYLOAD_PARTS, "transaction_id")


class Decisions:
    """The use cases around decision records of one organisation, the caller's."""

    def __init__(self, ledger: Ledger, reader: Reader) -> None:
        self._ledger = ledger
        self._reader = reader

    async def record(
        self, who: Principal, decision: NewDecision, once: Once | None, *, with_receipt: bool = False
    ) -> Outcome:
        """The decision record, durable, in the tree and under a signed checkpoint.

        With `with_receipt` the answer carries its complete offline proof.
        """
        outcome = await self._record(who, (decision,), once, with_receipt=with_receipt)
        return Outcome(outcome.body[0], outcome.replayed)

    async def record_batch(
        self, who: Principal, decisions: Sequence[NewDecision], once: Once | None, *, with_receipt: bool = False
    ) -> Outcome:
        """All of the decision records in the order given, or none, in one durable commit."""
        outcome = await self._record(who, decisions, once, with_receipt=with_receipt)
        return Outcome({"data": outcome.body}, outcome.replayed)

    async def _record(
        self, who: Principal, decisions: Sequence[NewDecision], once: Once | None, *, with_receipt: bool
    ) -> Outcome:
        appends = tuple(append_decision(who, decision) for decision in decisions)
        claim = remember(once, Remembered(ids=[append.id for append in appends]))
        committed = await self._ledger.append(Unit(appends, claim))
        if isinstance(committed, Replayed):
            return await self._again(who, committed, with_receipt=with_receipt)
        views = [_fresh_view(append, entry) for append, entry in zip(appends, committed.entries, strict=True)]
        if with_receipt:
            for view, entry in zip(views, committed.entries, strict=True):
                view["receipt"] = committed.receipt(entry)
        return Outcome(views)

    async def _again(self, who: Principal, replayed: Replayed, *, with_receipt: bool) -> Outcome:
        """The first answer once more; what was erased since stays erased."""
        ids = made_before(remembered(replayed))

        def work(reads: Reads) -> list[View]:
            rows = {row.id: row for row in reads.decisions(who.organisation, ids)}
            views = [decision_view(rows[each]) for each in ids]
            if with_receipt:
                for view in views:
                    view["receipt"] = receipt(reads, rows[view["id"]].raw)
            return views

        return Outcome(await self._reader.point(work), replayed=True)

    async def get(self, who: Principal, prefix: str) -> View:
        """One decision record with the interventions that came later, by id or unambiguous prefix."""

        def work(reads: Reads) -> View:
            row = find_decision(reads, who.organisation, prefix)
            return decision_view(row, _interventions_of(reads, who, [row]))

        return await self._reader.point(work)

    async def list(
        self, who: Principal, criteria: DecisionFilter, page: Page
    ) -> tuple[Sequence[View], int, int | None]:
        """A page of decision records, the exact total, and where the next page begins (None at the end)."""

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            found = reads.list_decisions(who.organisation, criteria, page)
            by_record = group_by_record(_interventions_of(reads, who, found.rows))
            views = [decision_view(row, by_record.get(row.id, ())) for row in found.rows]
            return views, found.total, found.next_after

        return await self._reader.scan(work)

    async def interventions(self, who: Principal, prefix: str) -> Sequence[View]:
        """The interventions on one decision record, oldest first."""

        def work(reads: Reads) -> Sequence[View]:
            row = find_decision(reads, who.organisation, prefix)
            return [intervention_view(each) for each in _interventions_of(reads, who, [row])]

        return await self._reader.point(work)

    async def prove(self, who: Principal, prefix: str) -> View:
        """The record's entry with its chain neighbours, an inclusion proof and a signed checkpoint."""

        def work(reads: Reads) -> View:
            row = find_decision(reads, who.organisation, prefix)
            entry = decode(row.raw)
            after = reads.stream_entries(decisions_stream(who.organisation), entry["sequence"] + 1, 1)
            return {
                "record_id": row.id,
                "hash": format_digest(leaf_hash(row.raw)),
                "previous_hash": entry["previous_hash"],
                "next_hash": format_digest(leaf_hash(after[0][1])) if after else None,
                **receipt(reads, row.raw),
            }

        return await self._reader.point(work)

    async def erase(self, who: Principal, prefix: str, erasure: Erasure, once: Once | None) -> Outcome:
        """The record without input, output, context and explanation; their bytes and salts are destroyed.

        Hash, chain and proofs stay valid. Erasing again changes nothing.
        """
        earlier = await recall(self._reader, once)
        row = await self._reader.point(lambda reads: find_decision(reads, who.organisation, prefix))
        replayed = earlier is not None
        if row.erasure is None:
            append = _append_erasure(who, row, erasure)
            committed = await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[row.id]))))
            replayed = isinstance(committed, Replayed)
        return Outcome(await self.get(who, row.id), replayed=replayed)


def find_decision(reads: Reads, organisation: str, prefix: str) -> DecisionRow:
    """The decision record that the id or prefix names; `not_found` or, for several, `conflict`."""
    if not is_decision_id_prefix(prefix):
        raise not_found("record", prefix)
    try:
        row = reads.decision(organisation, prefix)
    except AmbiguousPrefix:
        raise Refused(
            "conflict", "More than one record begins with this prefix", {"resource": "record", "id": prefix}
        ) from None
    if row is None:
        raise not_found("record", prefix)
    return row


def _interventions_of(reads: Reads, who: Principal, rows: Sequence[DecisionRow]) -> Sequence[InterventionRow]:
    touched = [row.id for row in rows if row.intervened]
    return reads.interventions(who.organisation, touched) if touched else ()


def append_decision(who: Principal, decision: NewDecision) -> Append:
    """The entry that a decision record becomes, with a fresh id and salts."""
    body, parts = _sent(decision, _IN_CLEAR), _sent(decision, _COMMITTED)
    return make_append(
        identifier=new_id("rec"),
        type="decision",
        stream=decisions_stream(who.organisation),
        principal=who,
        body=body,
        parts={**parts, "principal": who.email},
        effect=DecisionStored(
            who.organisation,
            decision.model_id,
            body.get("policy_id"),
            parts.get("transaction_id"),
            body.get("confidence"),
        ),
    )


def _sent(decision: NewDecision, names: Sequence[str]) -> dict[str, Any]:
    """Those of the fields that the caller gave."""
    return {name: value for name in names if (value := getattr(decision, name)) is not UNSET}


def _append_erasure(who: Principal, row: DecisionRow, erasure: Erasure) -> Append:
    parts = tuple(name for name in PAYLOAD_PARTS if name in row.parts)
    return make_append(
        identifier=new_id("ers"),
        type="payload_erased",
        stream=decisions_stream(who.organisation),
        principal=who,
        body={"record_id": row.id, "record_hash": format_digest(leaf_hash(row.raw)), "parts": list(parts)},
        parts={"reason": erasure.reason, "principal": who.email},
        effect=PayloadErased(who.organisation, row.id, parts),
    )


def _fresh_view(append: Append, entry: SealedEntry) -> View:
    row = DecisionRow(append.id, -1, intervened=False, raw=entry.raw, parts=append.parts)
    return decision_view(row)
