"""Webhooks against the real server."""

import pytest

import xase

URL = "https://93.184.216.34/hook"


async def test_a_webhook_lives_from_making_to_deletion(client):
    made = await client.webhooks.create(url=URL, events=["webhook_disabled", "access_denied"], description="d")
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    assert (await client.webhooks.get(made.id)).events == ["webhook_disabled", "access_denied"]
    assert made.id in [each.id async for each in await client.webhooks.list(limit=1)]
    changed = await client.webhooks.update(made.id, events=["webhook_disabled"], enabled=False)
    assert (changed.status, changed.events, changed.description) == ("DISABLED", ["webhook_disabled"], "d")
    rotated = await client.webhooks.rotate_secret(made.id, grace="0")
    assert rotated.secret != made.secret
    assert (await client.webhooks.delete(made.id)).status == "DELETED"
    with pytest.raises(xase.NotFound):
        await client.webhooks.get(made.id)


async def test_a_message_can_be_ordered_only_while_the_webhook_is_enabled(client):
    made = await client.webhooks.create(url=URL, events=["webhook_disabled"])
    await client.webhooks.update(made.id, enabled=False)
    with pytest.raises(xase.Conflict):
        await client.webhooks.test(made.id)
    assert [each async for each in await client.webhooks.deliveries(made.id, status="DEAD")] == []
    with pytest.raises(xase.NotFound) as caught:
        await client.webhooks.replay(made.id, "msg_0000000000000000")
    assert caught.value.details["resource"] == "delivery"
    await client.webhooks.delete(made.id)


async def test_a_url_that_leads_inside_is_named_in_the_error(client):
    with pytest.raises(xase.ValidationFailed, match="url: Must not lead to a private or special address"):
        await client.webhooks.create(url="https://127.0.0.1/", events=["webhook_disabled"])
