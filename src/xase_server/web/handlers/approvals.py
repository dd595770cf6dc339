"""Approvals: requests that wait for people (docs/spec/api.md, section 5)."""

from xase_server.web.answer import Answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch


async def list_approvals(call: Call) -> Answer:
    """The requests of the caller's organisation, and those that the caller may decide on."""
    stretch, query = read_stretch(call), call.query
    rows, total, next_after = await call.services.approvals.list(
        call.who, query["dataset_id"], query["status"], stretch.page(descending=True)
    )
    return page_answer(call, stretch, rows, total, next_after)


async def get_approval(call: Call) -> Answer:
    """One request."""
    return json_answer(await call.services.approvals.get(call.who, call.path["id"]))


async def approve(call: Call) -> Answer:
    """A vote for a request."""
    approvals = call.services.approvals
    return outcome_answer(await approvals.vote(call.who, call.path["id"], call.body, call.once, approves=True))


async def deny(call: Call) -> Answer:
    """A vote against a request."""
    approvals = call.services.approvals
    return outcome_answer(await approvals.vote(call.who, call.path["id"], call.body, call.once, approves=False))
