"""A program to be traced: the whole server in one process, recording, intervening and erasing as fast as it can.

    python -m tests.faults.workload HOME MARKS REQUESTS [FAULTS]

The id of everything that was acknowledged is written to MARKS at that moment. It ends without stopping the server:
the disk stays as a power cut finds it. With FAULTS, the page of tests/faults/iotrace.py, syncs fail now and then, and
what was refused is asked for again.
"""

import asyncio
import inspect
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.faults.clients import decision
from tests.faults.iotrace import Calls, Faults
from xase_server.app import create_app
from xase_server.ledger.head import HeadKeeper
from xase_server.settings import Settings

CALLERS = 12
UNAVAILABLE = 503


def main(home: str, marks: str, requests: str, faults: str = "") -> None:
    logging.disable(logging.CRITICAL)
    # the head outside is written far more often than in production, so that cuts fall into its writing as well
    inspect.unwrap(HeadKeeper.__init__).__kwdefaults__["every"] = 0.01
    acknowledged = os.open(marks, os.O_WRONLY | os.O_CREAT)
    asyncio.run(_work(Path(home), acknowledged, int(requests), Faults(Path(faults)) if faults else None))
    os._exit(0)


async def _work(home: Path, acknowledged: int, requests: int, faults: Faults | None) -> None:
    server = create_app(Settings(home=home, rate_limit=0))
    os.write(acknowledged, b"started\n")
    headers = {"Authorization": f"Bearer {server.core.home.admin_key.read_text().strip()}"}
    transport = httpx2.ASGITransport(app=server)
    numbers = iter(range(requests))
    async with httpx2.AsyncClient(transport=transport, base_url="http://traced", headers=headers) as client:
        await asyncio.gather(*(_call(client, acknowledged, numbers, faults) for _ in range(CALLERS)))


async def _call(client: httpx2.AsyncClient, acknowledged: int, numbers: Iterator[int], faults: Faults | None) -> None:
    async def ask(method: str, path: str, body: Any) -> Any:
        headers = {"Idempotency-Key": f"once-{number}-{method}-{path}"}
        while (answer := await client.request(method, path, json=body, headers=headers)).status_code == UNAVAILABLE:
            pass
        assert answer.is_success, answer.text
        os.write(acknowledged, f"{answer.json()['id']}\n".encode())
        return answer.json()

    for number in numbers:
        if faults is not None and number % 7 == 0:
            faults.arm(Calls.SYNC, skip=number % 3)
        record = await ask("POST", "/v1/records", decision(f"once-{number}"))
        if number % 10 == 3:
            await ask(
                "POST", f"/v1/records/{record['id']}/interventions", {"action": "APPROVED", "reason": "looked at"}
            )
        if number % 10 == 8:
            await ask("DELETE", f"/v1/records/{record['id']}/payload", {"reason": "asked for by the person"})


if __name__ == "__main__":
    main(*sys.argv[1:])
