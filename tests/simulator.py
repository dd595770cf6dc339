"""The whole server in this process, on a store in memory, with a clock moved by hand and faults on demand.

Everything is the product's own code: the store (`storage.memory`), the ledger, the use cases, the web layer. The
simulator stands where the operating system would: it decides what time it is, and it lets calls of the store fail.

    async with Simulator(tmp_path / "home") as server:
        server.storage.strike("commit", Fault.PERSISTS)
        status, answer = await server.record("once-1")
        server.clock.advance(60_000)
        await server.restart()
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from xase_server.app import Server, create_app
from xase_server.domain.clock import Clock
from xase_server.domain.entries import Claim, Stream
from xase_server.domain.objects import ObjectRef, Usage
from xase_server.domain.quotas import Counted
from xase_server.ledger.audit import audit
from xase_server.ports import Head, Outbox, Reads, SealedBatch, Storage, StorageUnavailable, StreamHead, Transaction
from xase_server.settings import Settings
from xase_server.storage.memory import MemoryStorage

T = TypeVar("T")

APPENDING = ("begin", "head", "claims", "streams", "tile", "write", "commit")
"""Every call of a store that an append goes through."""

CALLS = (*APPENDING, "read")
ORIGIN = "simulator.example/log"

START_MS = 1_736_951_520_000  # 2025-01-15T14:32:00Z, the instant of the source document's example


class HandClock(Clock):
    """Time that moves only when told to."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move on by so much; a negative number steps back."""
        self._now_ms += ms


class Fault(Enum):
    """How a call of the store fails."""

    FAILS = "fails"
    PERSISTS = "fails but persisted"  # it took effect, and the caller is told that it did not


class FaultyStorage:
    """A store whose next call by some name fails. Implements `xase_server.ports.Storage` over another one."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self._struck: dict[str, Fault] = {}

    def strike(self, call: str, fault: Fault = Fault.FAILS) -> None:
        """The next such call fails, once."""
        assert call in CALLS, call
        self._struck[call] = fault

    @property
    def struck(self) -> bool:
        """Whether every fault asked for has happened."""
        return not self._struck

    def meet(self, call: str, fault: Fault = Fault.FAILS) -> None:
        """Fail here when this is what was asked for."""
        if self._struck.get(call) is fault:
            del self._struck[call]
            raise StorageUnavailable(f"{call} {fault.value}, because the test wants it")

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        self.meet("begin")
        with self.inner.begin() as transaction:
            yield _FaultyTransaction(transaction, self)
            self.meet("commit")
        self.meet("commit", Fault.PERSISTS)

    def read(self, work: Callable[[Reads], T]) -> T:
        self.meet("read")
        return self.inner.read(work)

    def initialise(self, log: str) -> None:
        self.inner.initialise(log)

    @property
    def outbox(self) -> Outbox:
        return self.inner.outbox

    @property
    def reads_are_inline(self) -> bool:
        return self.inner.reads_are_inline

    def touch_keys(self, used_ms: Mapping[str, int]) -> None:
        self.inner.touch_keys(used_ms)

    def raise_epoch(self) -> int:
        return self.inner.raise_epoch()

    def check(self) -> None:
        self.inner.check()

    def close(self) -> None:
        """Stays open: it is the disk, and a restart finds it as it was."""


class _FaultyTransaction:
    def __init__(self, inner: Transaction, faults: FaultyStorage) -> None:
        self._inner = inner
        self._faults = faults

    @property
    def head(self) -> Head:
        self._faults.meet("head")
        return self._inner.head

    def claims(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Claim]:
        self._faults.meet("claims")
        return self._inner.claims(keys)

    def streams(self, names: Sequence[Stream]) -> Mapping[Stream, StreamHead]:
        self._faults.meet("streams")
        return self._inner.streams(names)

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        self._faults.meet("revisions")
        return self._inner.revisions(refs)

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        self._faults.meet("usage")
        return self._inner.usage(accounts)

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        self._faults.meet("counted")
        return self._inner.counted(keys)

    def tile(self, level: int, number: int) -> bytes:
        self._faults.meet("tile")
        return self._inner.tile(level, number)

    def write(self, batch: SealedBatch) -> None:
        self._faults.meet("write")
        self._inner.write(batch)
        self._faults.meet("write", Fault.PERSISTS)


class Simulator:
    """A server that can be restarted on the same store, and callers of its API without a network."""

    def __init__(self, home: Path, keys: Path | None = None) -> None:
        """Keys are made in `home`, or copied from the folder `keys`, because making them takes a second."""
        if keys is not None:
            shutil.copytree(keys, home / "keys")
        self.clock = HandClock()
        self.storage = FaultyStorage(MemoryStorage())
        self.home = home
        self._settings = Settings(home=home, organisation="org_simulated", log_origin=ORIGIN, rate_limit=0)
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The application that runs now."""
        assert self._server is not None, "the simulator is not started"
        return self._server

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *, accept_head: bool = False, accept_clock: bool = False) -> None:
        """Open the store and begin to append, as `xase-server serve` does."""
        self._server = create_app(
            self._settings,
            clock=self.clock,
            storage=self.storage,
            accept_head=accept_head,
            accept_clock=accept_clock,
        )
        await self._server.start()

    async def stop(self) -> None:
        """End in good order."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def restart(self, *, accept_head: bool = False, accept_clock: bool = False) -> None:
        """End, and start again on what the store holds."""
        await self.stop()
        await self.start(accept_head=accept_head, accept_clock=accept_clock)

    async def ask(self, method: str, path: str, body: Any = None, once: str | None = None) -> tuple[int, Any]:
        """Status and decoded body of one request with the admin key."""
        headers = {"Authorization": f"Bearer {(self.home / 'admin.key').read_text().strip()}"}
        if once is not None:
            headers["Idempotency-Key"] = once
        transport = httpx2.ASGITransport(app=self.server)
        async with httpx2.AsyncClient(transport=transport, base_url="http://simulator") as client:
            answer = await client.request(method, path, json=body, headers=headers)
        return answer.status_code, json.loads(answer.content)

    async def record(self, once: str) -> tuple[int, Any]:
        """Record the one decision that belongs to this idempotency key."""
        body = {
            "model_id": "credit-model-v2",
            "input": {"customer_id": "cust_123", "income": 85000},
            "output": {"decision": "APPROVED", "credit_limit": 25000},
            "confidence": 0.94,
            "transaction_id": once,
        }
        return await self.ask("POST", "/v1/records", body, once)

    async def recorded(self) -> list[str]:
        """The idempotency keys of all decisions, oldest first."""
        status, page = await self.ask("GET", "/v1/records?limit=100&order=asc")
        assert status == 200, page
        assert page["total"] == len(page["data"])
        return [record["transaction_id"] for record in page["data"]]

    def audit(self) -> None:
        """Read the whole log again; assert that nothing is found."""
        report = audit(self.storage.inner, self.server.core.custody.ring.log_verifiers)
        assert report.clean, report.findings
