"""Tokens (docs/spec/api.md, section 3)."""

from xase_server.web.answer import Answer, outcome_answer
from xase_server.web.call import Call


async def detokenize(call: Call) -> Answer:
    """The values that tokens stand for."""
    return outcome_answer(await call.services.reversal.reverse(call.who, call.path["id"], call.body, call.once))


async def erase_tokens(call: Call) -> Answer:
    """Let tokens stand for nothing."""
    return outcome_answer(await call.services.forgetting.erase(call.who, call.path["id"], call.body, call.once))
