"""Operations (docs/spec/api.md, section 6)."""

from xase_server.web.answer import Answer, outcome_answer
from xase_server.web.call import Call


async def record_operation(call: Call) -> Answer:
    """Record what was done with data."""
    return outcome_answer(await call.services.operations.record(call.who, call.path["id"], call.body, call.once))
