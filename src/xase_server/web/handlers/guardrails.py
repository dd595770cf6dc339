"""Guardrails (docs/spec/api.md, section 4)."""

from xase_server.web.answer import Answer, json_answer, outcome_answer
from xase_server.web.call import Call


async def get_guardrails(call: Call) -> Answer:
    """The guardrails in force."""
    return json_answer(await call.services.guardrails.get(call.who))


async def put_guardrails(call: Call) -> Answer:
    """The guardrails from now on."""
    return outcome_answer(await call.services.guardrails.put(call.who, call.body.policy_ids, call.once))


async def assess_guardrails(call: Call) -> Answer:
    """What other guardrails would do."""
    return json_answer(await call.services.guardrails.impact(call.who, call.body.policy_ids))
