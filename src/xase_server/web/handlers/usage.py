"""What has been used (docs/spec/api.md, section 9)."""

from xase_server.domain.errors import invalid_field
from xase_server.services.usage import Period
from xase_server.web.answer import Answer
from xase_server.web.call import Call
from xase_server.web.pages import counted_answer, page_answer, read_stretch


async def list_usage(call: Call) -> Answer:
    """Sums of what was used."""
    stretch, query = read_stretch(call), call.query
    since, until = query["start_date"], query["end_date"]
    if since is not None and until is not None and since > until:
        raise invalid_field("start_date", "Must not be after end_date", summary="Invalid query parameters")
    usage, period = call.services.usage, Period(since, until)
    if query["group_by"] == "session":
        return page_answer(call, stretch, *await usage.by_session(call.who, period, stretch.page(descending=False)))
    rows = await usage.by(query["group_by"], call.who, period)
    return counted_answer(call, stretch, rows[stretch.offset : stretch.offset + stretch.limit], len(rows))
