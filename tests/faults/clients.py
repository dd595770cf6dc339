"""Callers that record decisions as fast as they can, and remember what the server promised them."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self

from tests.faults.server import Server


@dataclass
class Memory:
    """What the callers know: by idempotency key, the id they were promised, or None while they wait for one."""

    promised: dict[str, str | None] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> dict[str, str]:
        return {key: identifier for key, identifier in list(self.promised.items()) if identifier is not None}

    @property
    def unanswered(self) -> list[str]:
        return [key for key, identifier in self.promised.items() if identifier is None]


class Caller:
    """One keep-alive connection with the admin key."""

    def __init__(self, server: Server, key: str | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key or server.key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and decoded body; raises OSError or HTTPException when the server went away."""
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, {**self._headers, **headers})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def record(self, once: str) -> tuple[int, Any]:
        """Record the one decision that belongs to this idempotency key."""
        return self.ask("POST", "/v1/records", decision(once), **{"Idempotency-Key": once})

    def newest_first(self) -> Iterator[Any]:
        """Every decision record, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            status, page = self.ask("GET", "/v1/records?limit=100" + (f"&cursor={cursor}" if cursor else ""))
            assert status == 200, page
            yield from page["data"]
            cursor = page["next_cursor"]

    def close(self) -> None:
        self._connection.close()


def decision(once: str) -> dict[str, Any]:
    """A body that carries its idempotency key as the caller's own reference."""
    return {
        "model_id": "credit-model-v2",
        "input": {"customer_id": "cust_123", "income": 85000},
        "output": {"decision": "APPROVED", "credit_limit": 25000},
        "confidence": 0.94,
        "transaction_id": once,
    }


class Crowd:
    """Callers on threads of their own; they stop when told to, or when their server is gone."""

    def __init__(self, server: Server, memory: Memory, name: str, size: int) -> None:
        self._server = server
        self._memory = memory
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"{name}-{n}",)) for n in range(size)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _work(self, name: str) -> None:
        numbers = itertools.count()
        with closing(Caller(self._server)) as caller, suppress(OSError, HTTPException):  # gone: the memory stands
            while not self._stopping.is_set():
                self._once(caller, f"{name}-{next(numbers)}")

    def _once(self, caller: Caller, once: str) -> None:
        self._memory.promised[once] = None
        status, answer = caller.record(once)
        if status == 201:
            self._memory.promised[once] = answer["id"]
        else:
            self._memory.refused.append(f"{status} {answer}")


def retry_unanswered(server: Server, memory: Memory) -> None:
    """Repeat every request that got no answer; each must be taken now."""
    with closing(Caller(server)) as caller:
        for once in memory.unanswered:
            status, answer = caller.record(once)
            assert status == 201, answer
            memory.promised[once] = answer["id"]


def assert_each_promise_kept_once(server: Server, memory: Memory, *, since: int = 0) -> int:
    """The server holds exactly the promised records, each once, in one chain without a gap.

    Looks at the records from this place in the chain on, and gives the place where the chain ends.
    """
    with closing(Caller(server)) as caller:
        records = list(itertools.takewhile(lambda record: record["sequence"] >= since, caller.newest_first()))[::-1]
    kept = Counter(record["transaction_id"] for record in records)
    assert all(times == 1 for times in kept.values())
    assert {record["transaction_id"]: record["id"] for record in records} == {
        once: memory.promised[once] for once in kept
    }
    assert len(records) + since == len(memory.promised)
    assert [record["sequence"] for record in records] == list(range(since, since + len(records)))
    for before, after in itertools.pairwise(records):
        assert after["previous_hash"] == before["hash"]
    return since + len(records)
