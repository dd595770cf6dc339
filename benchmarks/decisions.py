"""The decisions that the benchmarks record: shaped like the source document's example, each a little different."""

import random
from collections.abc import Iterator
from typing import Any

from msgspec import convert
from msgspec.json import encode

from xase_server.domain.decisions import NewDecision
from xase_server.domain.entries import Unit
from xase_server.domain.principals import ROLES, Principal
from xase_server.services.decisions import append_decision

MODELS = [f"credit-model-v{n}" for n in range(1, 21)]
POLICIES = [f"policy-{n}" for n in range(1, 11)]
ADMIN = Principal("org_benchmark", "key_benchmark", "bench@example.org", "admin", ROLES["admin"])


def body(chance: random.Random, number: int) -> dict[str, Any]:
    """What a caller sends: model, input, output, confidence, its own reference, an explanation."""
    approved = chance.random() < 0.6
    return {
        "model_id": chance.choice(MODELS),
        "policy_id": chance.choice(POLICIES),
        "input": {"customer_id": f"cust_{number}", "income": chance.randrange(20_000, 200_000), "term_months": 36},
        "output": {"decision": "APPROVED" if approved else "REJECTED", "credit_limit": chance.randrange(1_000, 50_000)},
        "confidence": round(chance.random(), 4),
        "transaction_id": f"txn_{number}",
        "explanation": {"income": round(chance.random(), 3), "history": round(chance.random(), 3)},
    }


def bodies(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """So many bodies; the same for the same seed."""
    chance = random.Random(seed)
    return (body(chance, number) for number in range(count))


def units(count: int, who: Principal = ADMIN, seed: int = 1) -> list[Unit]:
    """Ready to append: sealed and made canonical, as the service does before it queues them."""
    return [Unit((append_decision(who, convert(each, NewDecision)),)) for each in bodies(count, seed)]


def payload_bytes(count: int, seed: int = 1) -> int:
    """The size of so many request bodies as they come over the wire."""
    return sum(len(encode(each)) for each in bodies(count, seed))
