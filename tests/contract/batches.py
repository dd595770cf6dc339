"""Sealed batches, made without a ledger, for tests that write to a store themselves."""

from tests.contract.logs import SIGNER, START_MS
from xase.proof.checkpoint import sign_checkpoint
from xase_server.domain.entries import Unit
from xase_server.ledger.seal import seal
from xase_server.ports import SealedBatch, Transaction


def sealed(transaction: Transaction, *units: Unit, now_ms: int = START_MS, claim_ms: int = 1000) -> SealedBatch:
    """The units sealed on the transaction's head."""
    names = list({append.stream: None for unit in units for append in unit.appends})
    return seal(
        units,
        transaction.head,
        transaction.streams(names),
        now_ms=now_ms,
        claim_ms=claim_ms,
        read_tile=transaction.tile,
        sign=lambda checkpoint: sign_checkpoint(checkpoint, [SIGNER]),
    ).batch
