"""A process that appends to a store: appender.py DATABASE HOME UNITS NAME. Started by test_processes."""

import asyncio
import sys
from pathlib import Path

from tests.contract.logs import ORIGIN
from tests.contract.records import make_append
from xase.proof.keys import LogSigner
from xase_server.domain.clock import SystemClock
from xase_server.domain.entries import Claim, Unit
from xase_server.ledger.append import Ledger
from xase_server.storage import open_storage


async def append_all(ledger: Ledger, units: int, name: str) -> None:
    """Every unit once under a claim of this process, and once under a claim that the other process makes, too."""
    appends = [
        (Claim(scope, str(n), b"", name.encode()), f"{scope}_{n}_{name}")
        for n in range(units)
        for scope in (name, "shared")
    ]
    await asyncio.gather(*(ledger.append(Unit((make_append(identifier=i),), claim)) for claim, i in appends))


def main(database: str, home: str, units: str, name: str) -> None:
    storage = open_storage(database, Path(home))
    signer = LogSigner.from_pem(ORIGIN, (Path(home) / "signer.pem").read_text())
    ledger = Ledger(storage, signer, SystemClock(), head_file=Path(home) / f"head-{name}")
    ledger.start()
    asyncio.run(append_all(ledger, int(units), name))
    ledger.close()
    storage.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
