"""A ledger over any store, with a clock moved by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.records import unit
from xase.proof.keys import LogSigner
from xase_server.domain.entries import Append, Claim
from xase_server.ledger.append import Ledger
from xase_server.ports import Storage

ORIGIN = "example.org/log"
START_MS = 1_736_951_520_000
SIGNER = LogSigner.generate(ORIGIN)


@dataclass
class HandClock:
    """Time that moves only when told to."""

    ms: int = START_MS

    def now_ms(self) -> int:
        return self.ms


@dataclass
class Log:
    """A running ledger with what it runs on."""

    storage: Storage
    ledger: Ledger
    clock: HandClock

    def append(self, *appends: Append, claim: Claim | None = None) -> Any:
        """Append one unit; gives what the ledger answers."""
        return self.ledger.append_now(unit(*appends, claim=claim))

    def read(self, work: Callable[[Any], Any]) -> Any:
        return self.storage.read(work)

    @property
    def size(self) -> int:
        return self.storage.read(lambda reads: reads.head()).size


@contextmanager
def running_log(
    storage: Storage,
    *,
    clock: HandClock | None = None,
    head_file: Path | None = None,
    accept_head: bool = False,
    accept_clock: bool = False,
) -> Iterator[Log]:
    """A ledger on this store; the store stays open afterwards."""
    clock = clock or HandClock()
    storage.initialise(ORIGIN)
    ledger = Ledger(storage, SIGNER, clock, head_file=head_file)
    ledger.start(accept_head=accept_head, accept_clock=accept_clock)
    try:
        yield Log(storage, ledger, clock)
    finally:
        ledger.close()
