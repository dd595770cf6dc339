"""Forged bundles of sessions under guardrails: one for each way to pass one over (docs/spec/evidence.md, section 7)."""

from typing import Any

from scripts.forgery import Forgery, forgery
from scripts.vectorsessions import SessionLog, held


@forgery(7, "its contract does not have the hash")
def contract_of_another_hash() -> bytes:
    """The terms that the verdict commits to are not those that later entries cite."""
    log = held()
    log.rule(contract={"max_records": 100, "salt": "5" * 64})
    log.open()
    return log.pack()


@forgery(7, "does not cite the guardrails in force")
def guardrails_not_heeded() -> bytes:
    """The holder had named guardrails, and the verdict says nothing of them."""
    log = held()
    log.guard()
    log.rule()
    log.open()
    return log.pack()


@forgery(7, "does not cite the guardrails in force")
def guardrails_of_before() -> bytes:
    """The verdict cites guardrails in whose place others had been named."""
    log = held()
    guardrails = log.guard()
    log.guard(2, ["policy_stricter"])
    return _under(log, guardrails)


@forgery(7, "other guardrails than")
def guardrail_left_out() -> bytes:
    """The verdict leaves out one of the guardrails that its entry names."""
    log = held()
    guardrails = log.guard(1, ["policy_house", "policy_law"])
    guardrails["policies"].pop()
    return _under(log, guardrails)


@forgery(7, "another hash than that of its policy version")
def guardrail_of_another_hash() -> bytes:
    """The verdict cites a guardrail by a hash that this version does not have."""
    log = held()
    guardrails = log.guard()
    guardrails["policies"][0]["policy_hash"] = f"sha256:{'5' * 64}"
    return _under(log, guardrails)


def _under(log: SessionLog, guardrails: dict[str, Any]) -> bytes:
    log.rule(guardrails=guardrails)
    log.open(guardrails=guardrails)
    return log.pack()


@forgery(7, "it names another guardrails than its verdict")
def opening_under_other_guardrails() -> bytes:
    """The opening names other guardrails than the verdict that it rests on."""
    log = held()
    guardrails = log.guard()
    log.rule(guardrails=guardrails)
    log.open()
    return log.pack()


FORGED_GUARDRAILS: tuple[Forgery, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Forgery))
