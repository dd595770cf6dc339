"""Anonymised datasets and risks (docs/spec/api.md, section 3)."""

from xase_server.web.answer import Answer, json_answer, outcome_answer
from xase_server.web.call import Call


async def anonymize_dataset(call: Call) -> Answer:
    """A dataset made of another one."""
    outcome = await call.services.anonymization.make(call.who, call.path["id"], call.body, call.once)
    return outcome_answer(outcome, 202 if "progress" in outcome.body else 200)


async def get_risk(call: Call) -> Answer:
    """The report that a version was made with."""
    version = int(call.path["version"])
    return json_answer(await call.services.anonymization.report(call.who, call.path["id"], version))


async def assess_risk(call: Call) -> Answer:
    """How easily records of a version are recognised."""
    version = int(call.path["version"])
    return json_answer(await call.services.anonymization.assess(call.who, call.path["id"], version, call.body))
