"""API keys, and who the caller is (docs/spec/api.md, section 9)."""

from xase_server.web.answer import Answer, created_answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch


async def create_key(call: Call) -> Answer:
    """A new key."""
    return created_answer(await call.services.keys.create(call.who, call.body, call.once), "/v1/keys")


async def list_keys(call: Call) -> Answer:
    """The organisation's keys."""
    stretch = read_stretch(call)
    return page_answer(call, stretch, *await call.services.keys.list(call.who, stretch.page(descending=True)))


async def get_key(call: Call) -> Answer:
    """One key."""
    return json_answer(await call.services.keys.get(call.who, call.path["id"]))


async def revoke_key(call: Call) -> Answer:
    """End a key now."""
    outcome = await call.services.keys.revoke(call.who, call.path["id"], call.once)
    call.services.authenticator.forget()
    return outcome_answer(outcome)


async def rotate_key(call: Call) -> Answer:
    """Replace a key."""
    outcome = await call.services.keys.rotate(call.who, call.path["id"], call.body, call.once)
    call.services.authenticator.forget()
    return created_answer(outcome, "/v1/keys")


async def whoami(call: Call) -> Answer:
    """The key that makes this call."""
    who = call.who
    return json_answer(
        {
            "organisation": who.organisation,
            "key_id": who.key_id,
            "email": who.email,
            "role": who.role,
            "scopes": sorted(who.scopes),
            "may_act_for": sorted(who.may_act_for),
        }
    )
