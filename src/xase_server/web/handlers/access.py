"""Access: how sessions begin, are listed, and end (docs/spec/api.md, section 5)."""

from xase_server.services.sessions import SessionFilter
from xase_server.web.answer import Answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch


async def request_access(call: Call) -> Answer:
    """Ask for a session."""
    return outcome_answer(await call.services.access.request(call.who, call.body, call.once))


async def list_sessions(call: Call) -> Answer:
    """The sessions of the caller's organisation, and those on its datasets."""
    stretch, query = read_stretch(call), call.query
    wanted = SessionFilter(query["dataset_id"], query["status"], query["created_after"], query["created_before"])
    rows, total, next_after = await call.services.sessions.list(call.who, wanted, stretch.page(descending=True))
    return page_answer(call, stretch, rows, total, next_after)


async def get_session(call: Call) -> Answer:
    """One session."""
    return json_answer(await call.services.sessions.get(call.who, call.path["id"]))


async def close_session(call: Call) -> Answer:
    """End a session of the caller's organisation."""
    return outcome_answer(await call.services.closing.close(call.who, call.path["id"], call.body, call.once))


async def revoke_session(call: Call) -> Answer:
    """End a session on the caller's data."""
    return outcome_answer(await call.services.closing.revoke(call.who, call.path["id"], call.body, call.once))


async def revoke_sessions(call: Call) -> Answer:
    """End all sessions of a dataset."""
    return outcome_answer(await call.services.closing.revoke_all(call.who, call.path["id"], call.body, call.once))
