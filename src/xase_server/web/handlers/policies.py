"""Policies and purposes (docs/spec/api.md, section 4)."""

from xase_server.web.answer import Answer, created_answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch


async def create_policy(call: Call) -> Answer:
    """A new policy."""
    return created_answer(await call.services.policies.create(call.who, call.body, call.once), "/v1/policies")


async def put_policy(call: Call) -> Answer:
    """A policy's next version."""
    return outcome_answer(await call.services.policies.put(call.who, call.path["id"], call.body, call.once))


async def list_policies(call: Call) -> Answer:
    """The organisation's policies."""
    stretch = read_stretch(call)
    rows, total, after = await call.services.policies.list(call.who, stretch.page(descending=True))
    return page_answer(call, stretch, rows, total, after)


async def get_policy(call: Call) -> Answer:
    """The version in force."""
    return json_answer(await call.services.policies.get(call.who, call.path["id"]))


async def list_policy_versions(call: Call) -> Answer:
    """A policy's versions."""
    stretch = read_stretch(call)
    page = stretch.page(descending=True)
    rows, total, after = await call.services.policies.versions(call.who, call.path["id"], page)
    return page_answer(call, stretch, rows, total, after)


async def get_policy_version(call: Call) -> Answer:
    """One version."""
    version = int(call.path["version"])
    return json_answer(await call.services.policies.get_version(call.who, call.path["id"], version))


async def simulate_policy(call: Call) -> Answer:
    """What the policy would say."""
    return json_answer(await call.services.policies.simulate(call.who, call.path["id"], call.body))


async def assess_policy(call: Call) -> Answer:
    """What a changed policy would do."""
    return json_answer(await call.services.policies.impact(call.who, call.path["id"], call.body))


async def list_purposes(call: Call) -> Answer:
    """The tree of purposes."""
    return json_answer(call.services.policies.purposes())
