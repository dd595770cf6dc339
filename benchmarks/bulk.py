"""Filling a store fast: sealed batches of thousands go straight to `storage.write`, signed by a key of our own.

Every entry, row, tile and checkpoint is what the ledger would have written; an audit finds nothing. To be quick, the
records share 64 inputs and outputs with their salts and commitments.
"""

import random
import sys
import time
from collections.abc import Sequence

from msgspec import convert, structs

from benchmarks.decisions import ADMIN, MODELS, POLICIES, body
from xase.proof.checkpoint import sign_checkpoint
from xase.proof.digest import commitment
from xase.proof.entry import Draft, format_time
from xase.proof.keys import LogSigner
from xase_server.domain.decisions import NewDecision
from xase_server.domain.entries import Append, DecisionStored, InterventionStored, Part, Unit, decisions_stream
from xase_server.domain.ids import new_id
from xase_server.ledger.seal import seal
from xase_server.ports import Storage
from xase_server.services.decisions import append_decision
from xase_server.services.sealing import make_append

ORIGIN = "benchmark.example/log"
START_MS = 1_700_000_000_000
STEP_MS = 2_000
"""For each record: a million of them spread over 23 days. Those of one batch share an instant."""

BATCH = 4_096
INTERVENED = 20
"""One record in so many gains an intervention."""

STREAM = decisions_stream(ADMIN.organisation)


class Loader:
    """Adds decisions to one store."""

    def __init__(self, storage: Storage, seed: int = 1) -> None:
        self._storage = storage
        self.signer = LogSigner.generate(ORIGIN)
        self._chance = random.Random(seed)
        sample = [convert(body(self._chance, n), NewDecision) for n in range(64)]
        self._patterns = [(each, _commitments(each)) for each in (append_decision(ADMIN, wish) for wish in sample)]
        self.ids: list[str] = []

    def load(self, count: int) -> None:
        """Add so many decision records, and interventions on some of them."""
        self._storage.initialise(ORIGIN)
        started = time.perf_counter()
        for first in range(0, count, BATCH):
            decisions = [self._decision(n) for n in range(first, min(first + BATCH, count))]
            self.ids += [each.id for each in decisions[:: max(1, BATCH // 16)]]
            self._commit([Unit((each,)) for each in decisions], START_MS + first * STEP_MS)
            later_ms = START_MS + first * STEP_MS + 1
            self._commit([Unit((_intervention(each.id, later_ms),)) for each in decisions[::INTERVENED]], later_ms)
            if first % (BATCH * 32) == 0 and first:
                rate = first / (time.perf_counter() - started)
                print(f"  {first:,} of {count:,} records, {rate:,.0f}/s", file=sys.stderr, flush=True)

    def _decision(self, number: int) -> Append:
        chance = self._chance
        pattern, commitments = chance.choice(self._patterns)
        reference = Part(pattern.parts["transaction_id"].salt, b'"txn_%d"' % number)
        model, policy = chance.choice(MODELS), chance.choice(POLICIES)
        confidence = round(chance.betavariate(5, 1), 4)  # models are mostly sure of themselves
        identifier = new_id("rec")
        draft = Draft(
            type="decision",
            id=identifier,
            stream=STREAM,
            actor={"organisation": ADMIN.organisation, "key": ADMIN.key_id},
            body={"model_id": model, "policy_id": policy, "confidence": confidence},
            commitments={**commitments, "transaction_id": commitment("transaction_id", *structs.astuple(reference))},
        )
        stored = DecisionStored(ADMIN.organisation, model, policy, f"txn_{number}", confidence)
        parts = {**pattern.parts, "transaction_id": reference}
        return structs.replace(pattern, id=identifier, prepared=draft.prepare(), parts=parts, effect=stored)

    def _commit(self, units: Sequence[Unit], now_ms: int) -> None:
        with self._storage.begin() as transaction:
            sealed = seal(
                units,
                transaction.head,
                transaction.streams([STREAM]),
                now_ms=now_ms,
                claim_ms=0,
                read_tile=transaction.tile,
                sign=lambda checkpoint: sign_checkpoint(checkpoint, [self.signer]),
            )
            transaction.write(sealed.batch)


def _commitments(append: Append) -> dict[str, str]:
    return {name: commitment(name, part.salt, part.canonical) for name, part in append.parts.items()}


def _intervention(record_id: str, now_ms: int) -> Append:
    return make_append(
        identifier=new_id("int"),
        type="intervention",
        stream=STREAM,
        principal=ADMIN,
        body={"action": "APPROVED", "record_id": record_id, "signed_at": format_time(now_ms)},
        parts={"reason": "looked at", "actor_email": ADMIN.email, "signature": 512 * "A", "principal": ADMIN.email},
        effect=InterventionStored(ADMIN.organisation, record_id),
    )
