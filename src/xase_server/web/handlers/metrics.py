"""How models have been deciding (docs/spec/api.md, section 2)."""

from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call


async def get_decision_metrics(call: Call) -> Answer:
    """Counts, overrides, confidence and drift."""
    query = call.query
    return json_answer(
        await call.services.metrics.decisions(call.who, query["model_id"], query["policy_id"], query["period"])
    )
