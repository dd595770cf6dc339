"""Consent (docs/spec/api.md, section 3)."""

from xase_server.web.answer import Answer, outcome_answer
from xase_server.web.call import Call


async def withdraw_consent(call: Call) -> Answer:
    """Take a person's records out of every session."""
    return outcome_answer(await call.services.consent.withdraw(call.who, call.path["id"], call.body, call.once))
