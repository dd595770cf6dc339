"""Honest bundles of sessions, one for each way in which a session can go."""

from collections.abc import Iterator
from typing import Final

from scripts.vectorlog import NOON
from scripts.vectorsessions import DATASET, HOUR, OTHER, held, noisy, opened, plain
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest

Honest = tuple[str, str, bytes]
_DATASET: Final = {"dataset_id": DATASET, "from": "2025-01-15T00:00:00.000Z", "until": "2025-01-16T00:00:00.000Z"}


def honest_sessions() -> Iterator[Honest]:
    """Name, what it is, and its bytes."""
    yield "session", "A session: permitted, opened, used, closed.", plain().pack()
    yield "session_undisclosed", "The same, nothing disclosed.", _undisclosed()
    yield "session_revoked", "A session that the holder revoked.", _ended("access_revoked")
    yield "session_expired", "A session whose time was over.", _expired()
    yield "session_open", "A session that still goes on.", opened().pack()
    yield "session_with_operations", "An operation that names records which were not received, and says so.", _claimed()
    yield "session_with_transforms", "A session in which data was transformed.", _transformed()
    yield "session_without_withdrawn", "A subject withdrew; later releases hold nothing of theirs.", _withdrawn()
    yield "session_with_noise", "Answers with noise, paid for; between them others paid, too.", _noisy()
    yield (
        "session_under_guardrails",
        "The holder's guardrails had a say, others before; its contract is salted.",
        _guarded(),
    )
    yield (
        "dataset_with_denial",
        "All of a dataset in a period: two sessions, and a request that was denied.",
        _dataset(),
    )


def _undisclosed() -> bytes:
    log = plain()
    log.parts.clear()
    return log.pack()


def _ended(type: str) -> bytes:
    log = opened()
    log.release(1, range(10))
    log.end(type)
    return log.pack()


def _expired() -> bytes:
    log = opened()
    log.release(1, range(10), time_ms=NOON + HOUR - 1)
    log.end("session_expired", time_ms=NOON + HOUR)
    return log.pack()


def _claimed() -> bytes:
    log = opened()
    log.release(1, range(5000))
    log.release(2, [70_000, 70_002])
    log.operate(1, [*range(0, 5000, 3), 70_002], unknown=["rec_never"])
    log.operate(2, range(5000))
    return log.pack()


def _transformed() -> bytes:
    log = opened()
    log.release(1, range(10))
    log.release(2, range(10), type="transform", via="transform")
    log.end()
    return log.pack()


def _withdrawn() -> bytes:
    log = opened()
    log.release(1, range(10))
    log.withdraw([3, 4])
    log.release(2, [5, 6, 100])
    return log.pack()


def _noisy() -> bytes:
    log = noisy(("0.5", "0.5", "2"), ("0.5", "1.2", "2"), ("0.5", "1.7", "1.8"))
    log.end()
    return log.pack()


def _guarded() -> bytes:
    log = held()
    log.rule("vrd_0000000000000002", outcome="deny", contract_hash=None, violations=["purpose"])
    before = log.guard()
    log.rule("vrd_0000000000000003", outcome="deny", contract_hash=None, violations=["purpose"], guardrails=before)
    guardrails = log.guard(2, ["policy_law", "policy_ethics"])
    terms = {"max_records": 100, "salt": "5" * 64}
    contract_hash = sha256_digest(canonical(terms))
    log.rule(contract=terms, contract_hash=contract_hash, guardrails=guardrails)
    log.open(contract_hash=contract_hash, guardrails=guardrails)
    log.release(1, range(10), contract_hash=contract_hash)
    log.end()
    return log.pack()


def _dataset() -> bytes:
    log = plain()
    log.rule("vrd_0000000000000002", outcome="deny", purpose="marketing", contract_hash=None, violations=["purpose"])
    log.rule("vrd_0000000000000003")
    log.open(OTHER, verdict="vrd_0000000000000003")
    log.release(9, range(3), session=OTHER)
    return log.pack(scope=_DATASET)
