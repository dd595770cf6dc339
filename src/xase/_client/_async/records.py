"""Decision records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from xase._client import wire
from xase._client._async.captures import AsyncCaptures
from xase._client._async.exchange import AsyncExchange
from xase._client._async.ledger import AsyncLedger
from xase._client._async.paging import AsyncListing
from xase.models import DecisionRecord, Intervention, Proof

Moment = str | date | datetime


class AsyncRecords(AsyncCaptures):
    """`client.records`: what models decided, and what people did about it."""

    def __init__(self, exchange: AsyncExchange, ledger: AsyncLedger, transport: object = None) -> None:
        super().__init__(exchange, transport)
        self._ledger = ledger

    async def create(
        self,
        *,
        model_id: str,
        input: Mapping[str, Any],
        output: Mapping[str, Any],
        confidence: float | None = None,
        transaction_id: str | None = None,
        policy_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        explanation: Mapping[str, Any] | None = None,
        model_version: str | None = None,
        model_hash: str | None = None,
        idempotency_key: str | None = None,
        receipt: bool = False,
    ) -> DecisionRecord:
        """Record one decision. When this returns it is durable, in the log and under a signed checkpoint.

        `confidence` is 0 to 1; `transaction_id` is your own reference and need not be unique. With
        the same `idempotency_key` a repeated call answers the first record again; without one,
        retries within this call are still one record. With `receipt` the answer carries its
        complete offline proof as `.receipt`.
        """
        body = wire.sent(
            model_id=model_id,
            input=input,
            output=output,
            confidence=confidence,
            transaction_id=transaction_id,
            policy_id=policy_id,
            context=context,
            explanation=explanation,
            model_version=model_version,
            model_hash=model_hash,
        )
        params = {"receipt": True} if receipt else None
        call = wire.call("POST", "/records", params=params, body=body, idempotency_key=idempotency_key)
        return DecisionRecord(await self._exchange.send(call))

    async def create_batch(
        self, records: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None, receipt: bool = False
    ) -> Sequence[DecisionRecord]:
        """Record up to 1,000 decisions in one durable commit: all of them, in this order, or none.

        Each mapping has the fields of `create`.
        """
        params = {"receipt": True} if receipt else None
        body = {"records": list(records)}
        call = wire.call("POST", "/records/batch", params=params, body=body, idempotency_key=idempotency_key)
        return tuple(DecisionRecord(each) for each in (await self._exchange.send(call))["data"])

    async def get(self, record_id: str) -> DecisionRecord:
        """One decision record with the interventions that came later, by id or unambiguous prefix (8 digits or more).

        Raises NotFound, and Conflict for a prefix that names several.
        """
        return DecisionRecord(await self._exchange.send(wire.call("GET", f"/records/{wire.segment(record_id)}")))

    async def intervene(
        self,
        record_id: str,
        *,
        action: str,
        reason: str,
        new_outcome: Mapping[str, Any] | None = None,
        evidence_urls: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        actor_email: str | None = None,
        idempotency_key: str | None = None,
        receipt: bool = False,
    ) -> Intervention:
        """Act on a decision: `APPROVED`, `REJECTED`, `OVERRIDE` (which needs `new_outcome`) or `ESCALATED`.

        The record itself is never rewritten: the intervention is a signed entry of its own, later
        than the decision. `actor_email` must be one that the key may act for.
        """
        body = wire.sent(
            action=action,
            reason=reason,
            new_outcome=new_outcome,
            evidence_urls=evidence_urls,
            metadata=metadata,
            actor_email=actor_email,
        )
        path = f"/records/{wire.segment(record_id)}/interventions"
        params = {"receipt": True} if receipt else None
        call = wire.call("POST", path, params=params, body=body, idempotency_key=idempotency_key)
        return Intervention(await self._exchange.send(call))

    async def interventions(self, record_id: str, *, limit: int | None = None) -> AsyncListing[Intervention]:
        """The interventions on one decision record, oldest first; `limit` is the page size."""
        path = f"/records/{wire.segment(record_id)}/interventions"
        return await AsyncListing(self._exchange, path, {"limit": limit}, Intervention).fetch()

    async def prove(self, record_id: str) -> Proof:
        """The proof that a record is in the log: fetched, and verified before it is returned.

        Inclusion, the checkpoint's signature under the trusted log key, and its consistency with
        the newest checkpoint this client saw. Raises EvidenceError. `proof.verify(key)` does the
        first two again at any time, offline.
        """
        proof = Proof(await self._exchange.send(wire.call("GET", f"/records/{wire.segment(record_id)}/proof")))
        await self._ledger.verify(proof)
        return proof

    async def erase(self, record_id: str, *, reason: str, idempotency_key: str | None = None) -> DecisionRecord:
        """Destroy a record's input, output, context and explanation, for good.

        Its hash, chain and proofs stay valid; the answer shows `erased_at`. Doing it again changes nothing.
        """
        path = f"/records/{wire.segment(record_id)}/payload"
        call = wire.call("DELETE", path, body={"reason": reason}, idempotency_key=idempotency_key)
        return DecisionRecord(await self._exchange.send(call))

    async def list(
        self,
        *,
        model_id: str | None = None,
        policy_id: str | None = None,
        transaction_id: str | None = None,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
        has_intervention: bool | None = None,
        min_confidence: float | None = None,
        max_confidence: float | None = None,
        order: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> AsyncListing[DecisionRecord]:
        """The decision records that match, newest first unless `order` is `asc`.

        Iterate to read them all, page by page as needed; `total` is how many there are, exactly.
        `limit` is the page size (20, at most 100), not the length of the list. A bare `end_date`
        includes that whole day.
        """
        params = {
            "model_id": model_id,
            "policy_id": policy_id,
            "transaction_id": transaction_id,
            "start_date": start_date,
            "end_date": end_date,
            "has_intervention": has_intervention,
            "min_confidence": min_confidence,
            "max_confidence": max_confidence,
            "order": order,
            "limit": limit,
            "offset": offset,
        }
        return await AsyncListing(self._exchange, "/records", params, DecisionRecord).fetch()
