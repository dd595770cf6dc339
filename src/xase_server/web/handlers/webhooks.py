"""Webhooks and what they are sent (docs/spec/api.md, section 9)."""

from xase_server.web.answer import Answer, created_answer, json_answer, outcome_answer
from xase_server.web.call import Call
from xase_server.web.pages import page_answer, read_stretch

_ACCEPTED = 202


async def create_webhook(call: Call) -> Answer:
    """A new webhook."""
    return created_answer(await call.services.webhooks.create(call.who, call.body, call.once), "/v1/webhooks")


async def list_webhooks(call: Call) -> Answer:
    """The organisation's webhooks."""
    stretch = read_stretch(call)
    rows, total, after = await call.services.webhooks.list(call.who, stretch.page(descending=True))
    return page_answer(call, stretch, rows, total, after)


async def get_webhook(call: Call) -> Answer:
    """One webhook."""
    return json_answer(await call.services.webhooks.get(call.who, call.path["id"]))


async def change_webhook(call: Call) -> Answer:
    """A webhook, otherwise than before."""
    return outcome_answer(await call.services.webhooks.change(call.who, call.path["id"], call.body, call.once))


async def delete_webhook(call: Call) -> Answer:
    """End a webhook."""
    return outcome_answer(await call.services.webhooks.delete(call.who, call.path["id"], call.once))


async def rotate_webhook_secret(call: Call) -> Answer:
    """Replace a secret."""
    return outcome_answer(await call.services.webhooks.rotate(call.who, call.path["id"], call.body, call.once))


async def test_webhook(call: Call) -> Answer:
    """Send a message on purpose."""
    return outcome_answer(await call.services.webhooks.test(call.who, call.path["id"], call.once), _ACCEPTED)


async def list_deliveries(call: Call) -> Answer:
    """What a webhook was sent."""
    stretch = read_stretch(call)
    page, status = stretch.page(descending=True), call.query["status"]
    rows, total, after = await call.services.webhooks.deliveries(call.who, call.path["id"], status, page)
    return page_answer(call, stretch, rows, total, after)


async def replay_delivery(call: Call) -> Answer:
    """Send a message again."""
    path = call.path
    outcome = await call.services.webhooks.replay(call.who, path["id"], path["delivery_id"], call.once)
    return outcome_answer(outcome, _ACCEPTED)
