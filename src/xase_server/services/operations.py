"""Operations: what a lab says it did with data, checked against what it had received (docs/spec/api.md, section 6)."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from msgspec import UNSET
from msgspec.json import decode
from pyroaring import BitMap64

from xase.proof.entry import format_time
from xase_server.delivery.bitmap import bytes_of
from xase_server.domain.entries import Append, Replayed, Unit, Used, session_stream
from xase_server.domain.errors import Problems, invalid_field
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ModelUse
from xase_server.domain.operations import NewOperation
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads, Version
from xase_server.services.anew import until_it_stands
from xase_server.services.delivered import Deliveries
from xase_server.services.grants import Gate, Grant
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    made_before,
    recall,
    remember,
    remembered,
)
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.releases import evidence_id
from xase_server.services.sealing import make_append
from xase_server.services.views import View

_SAMPLE: Final = 10
_MOST_MODEL_ID: Final = 256


@dataclass(frozen=True, slots=True)
class Claimed:
    """The records that an operation names: those received, and the names of all others."""

    received: BitMap64
    unknown: Sequence[str]


class Operations:
    """Records operations in the sessions of the caller's organisation."""

    def __init__(self, ledger: Ledger, gate: Gate, planner: Planner, reader: Reader) -> None:
        self._ledger = ledger
        self._gate = gate
        self._planner = planner
        self._reader = reader
        self._deliveries = Deliveries()

    async def record(self, who: Principal, session_id: str, wish: NewOperation, once: Once | None) -> Outcome:
        """The operation, durable, with what became of its claim; a false claim is recorded and says so.

        Raises what admission raises, and `validation_error`.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(earlier)
        return await until_it_stands(partial(self._record, who, session_id, wish, once))

    async def _record(self, who: Principal, session_id: str, wish: NewOperation, once: Once | None) -> Outcome:
        grant = await self._gate.admit(who, session_id, "operations")
        _check(wish)
        version = (await self._planner.view(grant)).version
        claimed = await self._planner.run(lambda: self._claimed(version, session_id, wish))
        identifier = new_id("op")
        claim = remember(once, Remembered(ids=[identifier]))
        unit = Unit((_append(grant, identifier, wish, claimed),), claim, grant.expects, grant.until_ms)
        # COMMIT POINT
        committed = await self._ledger.append(unit)
        if isinstance(committed, Replayed):
            return await self._again(remembered(committed))
        time = format_time(committed.entries[0].time_ms)
        return Outcome(_operation_view(identifier, time, len(claimed.unknown), claimed.unknown))

    async def _again(self, earlier: Remembered) -> Outcome:
        """The first answer, from the operation's entry and what is left of its parts."""
        (identifier,) = made_before(earlier)
        found = await self._reader.point(lambda reads: reads.any_entry(identifier))
        assert found is not None, "an operation is remembered with its entry"
        _, raw, parts = found
        entry = decode(raw)
        unknown = decode(parts["unknown"].canonical) if "unknown" in parts else ()
        return Outcome(
            _operation_view(identifier, entry["time"], entry["body"]["unknown_count"], unknown), replayed=True
        )

    def _claimed(self, version: Version, session_id: str, wish: NewOperation) -> Claimed:
        return self._reader.now(lambda reads: self._reconciled(reads, version, session_id, wish))

    def _reconciled(self, reads: Reads, version: Version, session_id: str, wish: NewOperation) -> Claimed:
        """The claim against what the session has received."""
        delivered = self._deliveries.of(reads, session_id)
        if wish.batch_ids is not UNSET:
            known = [each for each in wish.batch_ids if each in delivered.batches]
            sets = [self._deliveries.records_of(reads, delivered.batches[each]) for each in known]
            return Claimed(BitMap64.union(*sets) if sets else BitMap64(), sorted({*wish.batch_ids} - {*known}))
        names = list(dict.fromkeys(wish.records or ()))
        numbers = version.numbers_of(names)
        pairs = [(name, number) for name, number in zip(names, numbers, strict=True)]
        unknown = [name for name, number in pairs if number is None or number not in delivered.records]
        return Claimed(
            BitMap64(np.array([n for _, n in pairs if n is not None], dtype=np.uint64)) & delivered.records, unknown
        )


def _append(grant: Grant, identifier: str, wish: NewOperation, claimed: Claimed) -> Append:
    model_id = _model_of(wish, grant)
    return make_append(
        identifier=identifier,
        type="operation",
        stream=session_stream(grant.session_id),
        principal=grant.who,
        body={
            "session_id": grant.session_id,
            "dataset_id": grant.dataset_id,
            "dataset_version": grant.version,
            "contract_hash": grant.contract_hash,
            "operation_type": wish.operation_type,
            "record_count": len(claimed.received),
            "unknown_count": len(claimed.unknown),
            **({} if model_id is None else {"model_id": model_id}),
        },
        parts=_parts(grant.who, wish, claimed),
        effect=Used(
            grant.session_id, operations=1, model=_use(grant, wish, model_id, len(claimed.received)), rates=grant.rates
        ),
    )


def _check(wish: NewOperation) -> None:
    problems = Problems()
    if (wish.records is UNSET) == (wish.batch_ids is UNSET):
        problems.add("records", "Give either records or batch_ids")
    problems.refuse_if_any()


def _model_of(wish: NewOperation, grant: Grant) -> str | None:
    """The model that it was for: the one it names, else the one the session is for."""
    named = (wish.metadata or {}).get("model_id") if wish.metadata is not UNSET else None
    if named is None:
        return grant.session.asked.model_id
    if not isinstance(named, str) or not 0 < len(named) <= _MOST_MODEL_ID:
        raise invalid_field("metadata.model_id", f"Must be a string of 1 to {_MOST_MODEL_ID} characters")
    return named


def _parts(who: Principal, wish: NewOperation, claimed: Claimed) -> Mapping[str, Any]:
    parts: dict[str, Any] = {"principal": who.email, "records": b64encode(bytes_of(claimed.received)).decode()}
    if claimed.unknown:
        parts["unknown"] = list(claimed.unknown)
    if wish.metadata is not UNSET:
        parts["metadata"] = wish.metadata
    return parts


def _use(grant: Grant, wish: NewOperation, model_id: str | None, count: int) -> ModelUse | None:
    if model_id is None:
        return None
    return ModelUse(
        organisation=grant.who.organisation,
        model_id=model_id,
        session=grant.session_id,
        dataset=grant.dataset_id,
        version=grant.version,
        type=wish.operation_type,
        records=count,
    )


def _operation_view(identifier: str, time: str, unknown: int, names: Sequence[str]) -> View:
    mismatch = {"unknown_records": unknown, "sample": list(names[:_SAMPLE])}
    return {
        "operation_id": identifier,
        "created_at": time,
        "status": "RECORDED",
        "evidence_id": evidence_id(identifier),
        "reconciliation": mismatch if unknown else "matched",
    }
