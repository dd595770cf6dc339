"""The server about itself: health, counters, contract, reference.

Contract and reference take long to make and are seldom asked for: the first call makes them, off the event loop.
"""

import asyncio
from ipaddress import ip_address

from xase_server.domain.errors import not_found
from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call
from xase_server.web.metrics import MEDIA
from xase_server.web.openapi import contract
from xase_server.web.reference import reference

_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


async def get_health(_call: Call) -> Answer:
    """The process answers."""
    return json_answer({"status": "ok"})


async def get_readiness(call: Call) -> Answer:
    """The ledger can be written and read."""
    return json_answer(await call.services.health.ready())


async def get_metrics(call: Call) -> Answer:
    """The counters, for callers on this machine only."""
    if not _is_local(call):
        raise not_found("path", "/metrics")
    return Answer(call.site.metrics.page(), media=MEDIA)


def _is_local(call: Call) -> bool:
    """Whether the call comes from this machine itself and was not passed on by a proxy."""
    client = call.scope.get("client")
    if client is None or any(name in call.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def get_contract(call: Call) -> Answer:
    """The OpenAPI file."""
    return Answer(await asyncio.to_thread(contract, call.site.endpoints))


async def get_reference(call: Call) -> Answer:
    """The reference page."""
    page = await asyncio.to_thread(reference, call.site.endpoints)
    return Answer(page.html, media=b"text/html; charset=utf-8", policy=page.policy)
