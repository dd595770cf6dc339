"""People acting on decisions: approve, reject, override, escalate (docs/spec/api.md, section 2).

An intervention never changes the record. It is an entry of its own that commits to the record's
hash, and it carries a document-key signature that plain openssl can check.
"""

import asyncio
import base64
from typing import Any

from msgspec import UNSET, structs
from msgspec.json import decode

from xase.proof.canonical import canonical
from xase.proof.digest import format_digest, leaf_hash
from xase.proof.entry import format_time, parse_time
from xase.proof.keys import DocumentSigner
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import NewIntervention
from xase_server.domain.entries import Append, InterventionStored, Replayed, Unit, decisions_stream
from xase_server.domain.errors import Problems
from xase_server.domain.ids import new_id
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ledger.read import receipt
from xase_server.ports import DecisionRow, InterventionRow, Reads
from xase_server.services.decisions import find_decision
from xase_server.services.outcome import Once, Outcome, Remembered, recall, remember, remembered
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View, intervention_view


class Interventions:
    """Adds interventions to the decision records of the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, signer: DocumentSigner, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._signer = signer
        self._clock = clock

    async def intervene(
        self, who: Principal, prefix: str, wish: NewIntervention, once: Once | None, *, with_receipt: bool = False
    ) -> Outcome:
        """The signed intervention, durable; `signed_at` is strictly later than the decision."""
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier, with_receipt=with_receipt)
        _check(who, wish)
        record = await self._reader.point(lambda reads: find_decision(reads, who.organisation, prefix))
        append = await asyncio.to_thread(self._sign, who, record, wish)
        claim = remember(once, Remembered(ids=[record.id, append.id]))
        committed = await self._ledger.append(Unit((append,), claim))
        if isinstance(committed, Replayed):
            return await self._again(who, remembered(committed), with_receipt=with_receipt)
        entry = committed.entries[0]
        view = intervention_view(InterventionRow(append.id, record.id, entry.raw, append.parts))
        if with_receipt:
            view["receipt"] = committed.receipt(entry)
        return Outcome(view)

    async def _again(self, who: Principal, earlier: Remembered, *, with_receipt: bool) -> Outcome:
        record_id, identifier = earlier.ids or ("", "")

        def work(reads: Reads) -> View:
            rows = reads.interventions(who.organisation, [record_id])
            row = next(each for each in rows if each.id == identifier)
            view = intervention_view(row)
            return view | {"receipt": receipt(reads, row.raw)} if with_receipt else view

        return Outcome(await self._reader.point(work), replayed=True)

    def _sign(self, who: Principal, record: DecisionRow, wish: NewIntervention) -> Append:
        decided_ms = parse_time(decode(record.raw)["time"])
        signed_ms = max(self._clock.now_ms(), decided_ms + 1)
        signed_at = format_time(signed_ms)
        record_hash = format_digest(leaf_hash(record.raw))
        said: dict[str, Any] = {name: value for name, value in structs.asdict(wish).items() if value is not UNSET}
        said.setdefault("actor_email", who.email)
        statement = {**said, "record_id": record.id, "record_hash": record_hash, "signed_at": signed_at}
        signature = base64.b64encode(self._signer.sign(canonical(statement))).decode()
        return make_append(
            identifier=new_id("int"),
            type="intervention",
            stream=decisions_stream(who.organisation),
            principal=who,
            body={
                "action": said.pop("action"),
                "record_id": record.id,
                "record_hash": record_hash,
                "signed_at": signed_at,
            },
            parts={**said, "signature": signature, "principal": who.email},
            effect=InterventionStored(who.organisation, record.id),
            not_before_ms=signed_ms,
        )


def _check(who: Principal, wish: NewIntervention) -> None:
    problems = Problems()
    if wish.action == "OVERRIDE" and wish.new_outcome is UNSET:
        problems.add("new_outcome", "Required for OVERRIDE")
    if wish.action != "OVERRIDE" and wish.new_outcome is not UNSET:
        problems.add("new_outcome", "Only allowed for OVERRIDE")
    if wish.actor_email is not UNSET and not who.speaks_for(wish.actor_email):
        problems.add("actor_email", "Must be the key's own principal or one that it may act for")
    problems.refuse_if_any()
