"""Webhooks end to end: real requests, a real receiver, and a clock that is moved by hand."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import xase
from tests.api.conftest import DECISION, Site, finished_bundle, ready_dataset
from tests.api.sessions import make_policy
from tests.authority import Authority
from tests.contract.logs import HandClock
from tests.receiver import Receiver, answer, receiving
from xase_server.app import _webhooks
from xase_server.home import HomeProblem
from xase_server.outbound import HttpCourier
from xase_server.ports import StorageUnavailable
from xase_server.services.dispatching import KEPT_MS, RETRIES_MS, Dispatcher, asked_wait_ms
from xase_server.transforms.keys import Masters

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def site(open_site: Callable[..., Site]) -> Iterator[Site]:
    site = open_site(clock=HandClock(), rate_limit=0, webhook_http=True, webhook_networks="127.0.0.0/8")
    yield site
    asyncio.run(site.app.close())


@pytest.fixture
def clock(site: Site) -> HandClock:
    clock = site.app.core.clock
    assert isinstance(clock, HandClock)
    return clock


async def send(site: Site, dispatcher: Dispatcher | None = None) -> None:
    """Everything that can be sent now, is."""
    dispatcher = dispatcher or site.app.dispatcher
    await dispatcher.round()
    await dispatcher.settle()


def another(site: Site, courier: HttpCourier | None = None) -> Dispatcher:
    """The sending side of another server on the same store."""
    core = site.app.core
    courier = courier or HttpCourier(plain=True, allowed=core.settings.networks)
    return Dispatcher(_webhooks(core, courier, Masters(core.home.master_keys())))


async def make(client: httpx2.AsyncClient, receiver: Receiver, *events: str, **fields: Any) -> dict[str, Any]:
    body = {"url": receiver.url, "events": list(events) or ["key_created"]} | fields
    made = await client.post("/v1/webhooks", json=body)
    assert made.status_code == 201, made.text
    webhook: dict[str, Any] = made.json()
    return webhook


async def happen(client: httpx2.AsyncClient, name: str = "made") -> str:
    """Something that webhooks are told of: a new key, whose id this gives."""
    made = await client.post("/v1/keys", json={"name": name, "role": "auditor"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def deliveries(client: httpx2.AsyncClient, webhook: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer_ = await client.get(f"/v1/webhooks/{webhook['id']}/deliveries", params=query)
    assert answer_.status_code == 200, answer_.text
    found: list[dict[str, Any]] = answer_.json()["data"]
    return found


async def delete(client: httpx2.AsyncClient, webhook: dict[str, Any]) -> None:
    """So that the next tests' rounds have nothing to do for it."""
    assert (await client.delete(f"/v1/webhooks/{webhook['id']}")).status_code == 200


def keys_of(receiver: Receiver) -> list[str]:
    return [json.loads(each.body)["data"]["key_id"] for each in receiver.received]


# ------------------------------------------------------------------ what is sent


async def test_a_message_is_thin_and_signed(site, client, clock):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        key = await happen(client, "Dr. Ada Lovelace")
        await send(site)
        (message,) = receiver.received
        event = xase.webhooks.verify(message.body, message.headers, webhook["secret"], now=clock.ms / 1000)
        assert event.type == "key_created"
        assert event.data == {"entry_id": key, "key_id": key, "index": event.data["index"]}
        assert message.headers["content-type"] == "application/json"
        (delivery,) = await deliveries(client, webhook)
        assert delivery["delivery_id"] == event.id
        assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("DELIVERED", 1, 200)
        await delete(client, webhook)


async def test_events_before_it_was_made_and_of_other_kinds_are_not_sent(site, client):
    async with receiving() as receiver:
        await happen(client)
        webhook = await make(client, receiver, "key_revoked")
        key = await happen(client)
        await client.post("/v1/records", json=DECISION)
        await client.delete(f"/v1/keys/{key}")
        await send(site)
        assert keys_of(receiver) == [key]
        await delete(client, webhook)


async def test_what_is_administered_is_told_of_with_its_ids(site, client):
    async with receiving() as receiver:
        events = ["guardrails_changed", "tokens_reversed", "bundle_requested", "bundle_failed", "webhook_created"]
        webhook = await make(client, receiver, *events)
        policy = {"name": "guard", "rules": [{"id": "no", "effect": "forbid", "when": {"purpose": ["marketing"]}}]}
        guard = (await client.post("/v1/policies", json=policy)).json()["id"]
        for named in ([guard], []):
            assert (await client.put("/v1/guardrails", json={"policy_ids": named})).status_code == 200
        dataset = await ready_dataset(client)
        asked = {"tokens": ["tok_unknown"], "reason": "to be told of it"}
        assert (await client.post(f"/v1/datasets/{dataset}/detokenize", json=asked)).status_code == 200
        bundle = await finished_bundle(client, {"record_ids": ["rec_ffffffffffffffff"]})
        other = await make(client, receiver)
        await send(site)
        itself, *told = [json.loads(each.body) for each in receiver.received]
        assert (itself["type"], itself["data"]["webhook_id"]) == ("webhook_created", webhook["id"])
        assert [each["type"] for each in told] == [
            "guardrails_changed",
            "guardrails_changed",
            "tokens_reversed",
            "bundle_requested",
            "bundle_failed",
            "webhook_created",
        ]
        assert (bundle["status"], told[2]["data"]["dataset_id"]) == ("FAILED", dataset)
        assert {each["data"]["bundle_id"] for each in told[3:5]} == {bundle["bundle_id"]}
        assert told[5]["data"]["webhook_id"] == other["id"]
        for each in (webhook, other):
            await delete(client, each)


async def test_messages_go_by_tls_to_a_receiver_of_the_operators_own_authority(open_site, tmp_path):
    authority = Authority(tmp_path)
    site = open_site(rate_limit=0, webhook_networks="127.0.0.0/8", webhook_ca_file=authority.trusted)
    async with receiving(tls=authority.server("127.0.0.1")) as receiver, site.client() as client:
        wish = {"url": receiver.url.replace("http:", "https:"), "events": ["key_created"]}
        assert (await client.post("/v1/webhooks", json=wish)).status_code == 201
        key = await happen(client)
        await send(site)
        assert keys_of(receiver) == [key]
    await site.app.close()


def test_authorities_that_cannot_be_read_keep_a_server_from_starting(open_site, tmp_path):
    with pytest.raises(HomeProblem, match="cannot be read as certificates"):
        open_site(webhook_ca_file=tmp_path / "missing.pem")


async def test_messages_come_in_the_order_of_the_log_and_once(site, client):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        keys = [await happen(client) for _ in range(5)]
        await send(site)
        await send(site)
        assert keys_of(receiver) == keys
        await delete(client, webhook)


APPROVALS = ["approval_requested", "approval_approved", "session_opened", "access_revoked"]


async def approve_and_revoke(holder: httpx2.AsyncClient, lab: httpx2.AsyncClient, wish: dict[str, str]) -> list[str]:
    """The lab asks, twice; the holder approves, and revokes what came of it: ids of the request and the session."""
    refused = await lab.post("/v1/access", json=wish)
    request = refused.json()["error"]["details"]["approval_request_id"]
    await lab.post("/v1/access", json=wish)  # while one waits this makes no new request
    address = f"/v1/access/approvals/{request}/approve"
    assert (await holder.post(address, json={"reason": "Ada agrees"})).status_code == 200
    session = (await lab.post("/v1/access", json=wish)).json()["session_id"]
    assert (await holder.post(f"/v1/access/{session}/revoke", json={"reason": "Ada objects"})).status_code == 200
    return [request, session]


async def test_requester_and_holder_learn_of_an_approval_and_of_its_session_and_nobody_else(site, client, stranger):
    when = {"approvals": {"roles": ["admin"], "quorum": 1}}
    dataset = await ready_dataset(client, policy_id=await make_policy(client, when=when))
    async with (
        receiving() as holders,
        receiving() as labs,
        receiving() as thirds,
        site.client(site.mint(role="admin", organisation="org_three")) as third,
    ):
        told = [(client, holders), (stranger, labs), (third, thirds)]
        made = [await make(who, receiver, *APPROVALS, "policy_version") for who, receiver in told]
        wish = {"dataset_id": dataset, "purpose": "model-training"}
        request, session = await approve_and_revoke(client, stranger, wish)
        await send(site)
        for receiver in (holders, labs):
            said = [json.loads(each.body) for each in receiver.received]
            assert [each["type"] for each in said] == APPROVALS
            assert [each["data"]["approval_request_id"] for each in said[:2]] == [request, request]
            assert [each["data"]["session_id"] for each in said[2:]] == [session, session]
            assert b"Ada" not in b"".join(each.body for each in receiver.received)
        assert thirds.received == []
        for (who, _), webhook in zip(told, made, strict=True):
            await delete(who, webhook)


# ------------------------------------------------------------------ what goes wrong


async def test_a_message_that_fails_is_sent_again_later_with_the_same_id(site, client, clock):
    async with receiving(answers=deque([answer(500), answer(301), b""])) as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        for number in range(4):
            await send(site)
            assert len(receiver.received) == number + 1
            await send(site)
            assert len(receiver.received) == number + 1, "not before its time"
            clock.ms += RETRIES_MS[number] + RETRIES_MS[number] // 5
        assert len(set(receiver.ids)) == 1
        (delivery,) = await deliveries(client, webhook)
        assert (delivery["status"], delivery["attempts"], delivery.get("failure")) == ("DELIVERED", 4, None)
        times = [each.headers["webhook-timestamp"] for each in receiver.received]
        assert times == sorted(set(times)), "each attempt is signed anew"
        await delete(client, webhook)


async def test_after_the_last_attempt_it_is_dead_until_it_is_replayed(site, client, clock):
    async with receiving(answers=deque([answer(500)] * (len(RETRIES_MS) + 1))) as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        for wait_ms in (*RETRIES_MS, 0):
            await send(site)
            clock.ms += wait_ms + wait_ms // 5
        (dead,) = await deliveries(client, webhook, status="DEAD")
        assert (dead["attempts"], dead["failure"], dead["response_status"]) == (10, "status", 500)
        assert "next_attempt_at" not in dead
        clock.ms += HOUR_MS
        await send(site)
        assert len(receiver.received) == 10
        address = f"/v1/webhooks/{webhook['id']}/deliveries/{dead['delivery_id']}/replay"
        ordered = await client.post(address, headers={"idempotency-key": "again"})
        assert (ordered.status_code, ordered.json()["status"]) == (202, "PENDING")
        again = await client.post(address, headers={"idempotency-key": "again"})
        assert again.headers["idempotency-replayed"] == "true"
        await send(site)
        assert len(receiver.received) == 11
        assert len(set(receiver.ids)) == 1
        (delivery,) = await deliveries(client, webhook)
        assert (delivery["status"], delivery["attempts"]) == ("DELIVERED", 1)
        await delete(client, webhook)


async def test_what_the_receiver_asks_for_is_kept_to(site, client, clock):
    async with receiving(answers=deque([answer(429, "Retry-After: 3600")])) as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        await send(site)
        clock.ms += HOUR_MS - 1
        await send(site)
        assert len(receiver.received) == 1
        clock.ms += 1
        await send(site)
        assert len(receiver.received) == 2
        await delete(client, webhook)


def test_how_long_a_receiver_may_ask_for():
    now_ms = 1_736_951_520_000
    assert asked_wait_ms(None, now_ms) == 0
    assert asked_wait_ms("120", now_ms) == 120_000
    assert asked_wait_ms("9" * 40, now_ms) == 24 * HOUR_MS
    assert asked_wait_ms("Wed, 15 Jan 2025 14:33:00 GMT", now_ms) == 60_000
    assert asked_wait_ms("Wed, 15 Jan 2020 14:33:00 GMT", now_ms) == 0
    assert asked_wait_ms("Wed, 15 Jan 2060 14:33:00 GMT", now_ms) == 24 * HOUR_MS
    assert asked_wait_ms("soon", now_ms) == 0


async def test_a_short_failure_keeps_the_order_and_a_long_one_lets_others_pass(site, client, clock):
    async with receiving(answers=deque([answer(500)] * 3)) as receiver:
        webhook = await make(client, receiver)
        first, second = await happen(client), await happen(client)
        await send(site)
        clock.ms += 6_000
        await send(site)
        assert keys_of(receiver) == [first, first]
        clock.ms += 360_000
        await send(site)
        assert keys_of(receiver) == [first, first, first, second]
        clock.ms += HOUR_MS
        await send(site)
        assert keys_of(receiver) == [first, first, first, second, first]
        await delete(client, webhook)


async def test_a_receiver_that_is_gone_disables_the_webhook(site, client):
    async with receiving(answers=deque([answer(410)])) as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        await happen(client)
        await send(site)
        await send(site)
        assert len(receiver.received) == 1
        address = f"/v1/webhooks/{webhook['id']}"
        view = (await client.get(address)).json()
        assert (view["status"], view["disabled_reason"]) == ("DISABLED", "the receiver answered 410")
        assert (await client.post(f"{address}/test")).json()["error"]["code"] == "conflict"
        await happen(client)  # while it is disabled
        enabled = await client.patch(address, json={"enabled": True})
        assert enabled.json()["status"] == "ACTIVE"
        assert "disabled_reason" not in enabled.json()
        last = await happen(client)
        await send(site)
        waited = (await deliveries(client, webhook, status="DELIVERED"))[-1]
        assert len(receiver.received) == 3, "what waited, and what came since; not what came meanwhile"
        assert keys_of(receiver)[-1] == last
        assert receiver.ids[1] == waited["delivery_id"]
        await delete(client, webhook)


async def test_a_slow_receiver_delays_nobody_else(site, client):
    async with receiving(answers=deque([None])) as slow, receiving() as quick:
        one, two = await make(client, slow), await make(client, quick)
        await happen(client)
        for number in range(3):
            await site.app.dispatcher.round()
            await site.app.dispatcher._running[two["id"]]
            assert len(quick.received) == number + 1
            await happen(client)
        await slow.until(1)
        assert len(slow.received) == 1
        slow.released.set()
        await site.app.dispatcher.settle()
        await send(site)
        assert len(slow.received) == len(quick.received) == 4
        await delete(client, one)
        await delete(client, two)


async def test_an_address_that_became_a_private_one_is_not_reached(site, client, clock):
    led_to = ["127.0.0.1"]

    async def resolve(host: str, port: int) -> list[str]:
        return led_to

    courier = HttpCourier(plain=True, allowed=site.app.core.settings.networks, resolve=resolve)
    other = another(site, courier)
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        led_to[:] = ["10.0.0.1"]
        await happen(client)
        await send(site, other)
        (delivery,) = await deliveries(client, webhook)
        assert (delivery["status"], delivery["failure"]) == ("PENDING", "address")
        assert receiver.received == []
        led_to[:] = ["127.0.0.1"]
        clock.ms += HOUR_MS
        await send(site, other)
        assert len(receiver.received) == 1
        await delete(client, webhook)
    await other.close()


# ------------------------------------------------------------------ kills and several servers


async def test_a_server_that_dies_between_delivery_and_note_sends_again_with_the_same_id(site, client, clock, caplog):
    class Dying:
        """The outbox of a server that dies as soon as the receiver has answered."""

        def __getattr__(self, name: str) -> Any:
            return getattr(site.app.core.storage.outbox, name)

        def note(self, *_: Any) -> bool:
            raise StorageUnavailable("killed")

    dying = another(site)
    dying._outbox = Dying()
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        with caplog.at_level(logging.CRITICAL):
            await send(site, dying)
        assert len(receiver.received) == 1
        await send(site)
        assert len(receiver.received) == 1, "the dead server still holds the webhook"
        clock.ms += 60_000
        await send(site)
        assert len(receiver.received) == 2
        assert len(set(receiver.ids)) == 1
        (delivery,) = await deliveries(client, webhook)
        assert delivery["status"] == "DELIVERED"
        await delete(client, webhook)


async def test_of_two_servers_one_sends(site, client, clock):
    other = another(site)
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        keys = [await happen(client) for _ in range(3)]
        await asyncio.gather(send(site), send(site, other))
        assert keys_of(receiver) == keys
        await site.app.dispatcher.close()  # lets go
        site.app.dispatcher._turns.clear()
        clock.ms += 10_000
        keys.append(await happen(client))
        await send(site, other)
        assert keys_of(receiver) == keys
        await delete(client, webhook)
    await other.close()


async def test_a_long_stretch_of_other_entries_is_passed_over(site, client):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        for _ in range(3):
            batch = await client.post("/v1/records/batch", json={"records": [DECISION] * 400})
            assert batch.status_code == 201
        key = await happen(client)
        await send(site)
        assert keys_of(receiver) == [key]
        await delete(client, webhook)


async def test_what_arrived_long_ago_is_forgotten(site, client, clock):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        await send(site)
        clock.ms += KEPT_MS
        await site.app.dispatcher.forget()
        assert len(await deliveries(client, webhook)) == 1
        clock.ms += 1
        await site.app.dispatcher.forget()
        assert await deliveries(client, webhook) == []
        await delete(client, webhook)


# ------------------------------------------------------------------ making and changing


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://10.0.0.1/", "private"),
        ("https://169.254.169.254/latest/meta-data", "private"),
        ("https://[::ffff:127.0.0.1]/", "private"),
        ("https://user@127.0.0.1/", "user"),
        ("ftp://127.0.0.1/", "https"),
    ],
)
async def test_a_url_that_nothing_is_sent_to_is_refused(client, url, message):
    refused = await client.post("/v1/webhooks", json={"url": url, "events": ["key_created"]})
    assert refused.status_code == 400
    (problem,) = refused.json()["error"]["details"]
    assert problem["field"] == "url"
    assert message in problem["message"]


async def test_http_is_refused_unless_the_operator_allows_it(open_site):
    site = open_site(rate_limit=0)
    async with site.client() as client:
        body = {"url": "http://127.0.0.1/", "events": ["key_created"]}
        assert "https" in (await client.post("/v1/webhooks", json=body)).text
        body["url"] = "https://127.0.0.1/"
        assert "private" in (await client.post("/v1/webhooks", json=body)).text
    await site.app.close()


async def test_a_key_may_ask_only_for_events_that_it_may_read_of(site, client):
    async with receiving() as receiver:
        webhook = await make(client, receiver, "key_created")
        async with site.client(site.mint(role="ai_lab")) as lab:
            refused = await lab.post("/v1/webhooks", json={"url": receiver.url, "events": ["key_created", "nothing"]})
            assert [each["field"] for each in refused.json()["error"]["details"]] == ["events.0", "events.1"]
            moved = await lab.patch(f"/v1/webhooks/{webhook['id']}", json={"url": receiver.url + "&mine"})
            assert moved.json()["error"]["details"][0]["field"] == "events.0", "nor lead them to itself"
            await delete(lab, await make(lab, receiver, "session_opened"))
        await delete(client, webhook)


async def test_a_webhook_is_changed_for_what_is_yet_to_be_sent(site, client):
    async with receiving(answers=deque([answer(500)])) as before, receiving() as after:
        webhook = await make(client, before)
        await happen(client)
        changed = await client.patch(f"/v1/webhooks/{webhook['id']}", json={"url": after.url, "description": "Moved"})
        assert (changed.json()["url"], changed.json()["description"]) == (after.url, "Moved")
        await send(site)
        assert (len(before.received), len(after.received)) == (0, 1)
        await delete(client, webhook)


async def test_both_secrets_sign_until_the_grace_period_is_over(site, client, clock):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        rotated = await client.post(f"/v1/webhooks/{webhook['id']}/rotate-secret", json={"grace": "1h"})
        assert rotated.status_code == 200
        old, new = webhook["secret"], rotated.json()["secret"]
        assert old != new
        await happen(client)
        await send(site)
        message = receiver.received[0]
        for secret in (old, new):
            xase.webhooks.verify(message.body, message.headers, secret, now=clock.ms / 1000)
        clock.ms += HOUR_MS
        await happen(client)
        await send(site)
        message = receiver.received[1]
        xase.webhooks.verify(message.body, message.headers, new, now=clock.ms / 1000)
        with pytest.raises(xase.UntrustedMessage):
            xase.webhooks.verify(message.body, message.headers, old, now=clock.ms / 1000)
        await delete(client, webhook)


async def test_a_webhook_outlives_a_rotation_of_the_master_key(open_site):
    options = {"rate_limit": 0, "webhook_http": True, "webhook_networks": "127.0.0.0/8"}
    site = open_site(clock=HandClock(), **options)
    async with receiving() as receiver:
        async with site.client() as client:
            webhook = await make(client, receiver)
        home = site.app.core.home
        await site.app.close()
        home.rotate_master_key()
        site = open_site(home=home.path, clock=HandClock(), **options)
        async with site.client() as client:
            await happen(client)
            await send(site)
            rotated = (await client.post(f"/v1/webhooks/{webhook['id']}/rotate-secret")).json()
            await happen(client)
            await send(site)
        await site.app.close()
        now = HandClock().ms / 1000
        for message in receiver.received:
            xase.webhooks.verify(message.body, message.headers, webhook["secret"], now=now)
        xase.webhooks.verify(message.body, message.headers, rotated["secret"], now=now)


async def test_a_test_is_a_message_like_any_other(site, client, clock):
    async with receiving() as receiver, receiving() as other:
        webhook, beside = await make(client, receiver), await make(client, other)
        ordered = await client.post(f"/v1/webhooks/{webhook['id']}/test", headers={"idempotency-key": "try"})
        assert ordered.status_code == 202
        again = await client.post(f"/v1/webhooks/{webhook['id']}/test", headers={"idempotency-key": "try"})
        assert again.json() == ordered.json()
        await send(site)
        (message,) = receiver.received
        event = xase.webhooks.verify(message.body, message.headers, webhook["secret"], now=clock.ms / 1000)
        assert (event.type, event.id) == ("webhook_test", ordered.json()["delivery_id"])
        assert other.received == []
        await delete(client, webhook)
        await delete(client, beside)


async def test_the_secret_is_shown_once_and_stored_nowhere(site, client):
    async with receiving() as receiver:
        body = {"url": receiver.url, "events": ["key_created"]}
        made = await client.post("/v1/webhooks", json=body, headers={"idempotency-key": "once"})
        again = await client.post("/v1/webhooks", json=body, headers={"idempotency-key": "once"})
        assert again.json() == made.json()
        address = f"/v1/webhooks/{made.json()['id']}"
        listed = await client.get("/v1/webhooks")
        assert "secret" not in (await client.get(address)).json()
        assert "whsec_" not in listed.text
        key = made.json()["secret"].removeprefix("whsec_").encode()
        home = site.app.core.settings.home
        for file in (home / "xase.db", home / "xase.db-wal"):
            assert key not in file.read_bytes()
        await delete(client, made.json())


async def test_a_deleted_webhook_is_sent_nothing_and_is_not_found(site, client):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        await happen(client)
        address = f"/v1/webhooks/{webhook['id']}"
        assert (await client.delete(address)).json()["status"] == "DELETED"
        assert (await client.delete(address)).json()["status"] == "DELETED"
        await send(site)
        assert receiver.received == []
        assert (await client.get(address)).status_code == 404
        assert (await client.post(f"{address}/test")).status_code == 404
        assert (await client.patch(address, json={"enabled": True})).status_code == 404
        assert webhook["id"] not in (await client.get("/v1/webhooks")).text


async def test_another_organisations_webhook_does_not_exist(client, stranger):
    async with receiving() as receiver:
        webhook = await make(client, receiver)
        address = f"/v1/webhooks/{webhook['id']}"
        delivery = f"{address}/deliveries/msg_0000000000000000/replay"
        for method, path, body in (
            ("GET", address, None),
            ("PATCH", address, {"enabled": False}),
            ("DELETE", address, None),
            ("POST", f"{address}/rotate-secret", None),
            ("POST", f"{address}/test", None),
            ("GET", f"{address}/deliveries", None),
            ("POST", delivery, None),
        ):
            assert (await stranger.request(method, path, json=body)).status_code == 404, path
        assert webhook["id"] not in (await stranger.get("/v1/webhooks")).text
        assert (await client.post(delivery)).json()["error"]["details"]["resource"] == "delivery"
        await delete(client, webhook)


async def test_what_becomes_of_a_webhook_is_in_the_ledger_without_its_url(client):
    async with receiving() as receiver:
        webhook = await make(client, receiver, description="Dr. Lovelace's desk")
        address = f"/v1/webhooks/{webhook['id']}"
        await client.patch(address, json={"enabled": False})
        await client.post(f"{address}/rotate-secret")
        await delete(client, webhook)
    trail = (await client.get("/v1/audit", params={"object": webhook["id"]})).json()["data"]
    assert [each["type"] for each in reversed(trail)] == [
        "webhook_created",
        "webhook_changed",
        "webhook_secret_rotated",
        "webhook_deleted",
    ]
    assert "127.0.0.1" not in json.dumps(trail)
    assert "Lovelace" not in json.dumps(trail)


async def test_an_organisation_has_at_most_twenty(site):
    async with receiving() as receiver, site.client(site.mint(role="admin", organisation="org_many")) as many:
        made = [await make(many, receiver) for _ in range(20)]
        refused = await many.post("/v1/webhooks", json={"url": receiver.url, "events": ["key_created"]})
        assert refused.status_code == 409
        for webhook in made:
            await delete(many, webhook)
        await delete(many, await make(many, receiver))


async def test_a_store_that_cannot_be_written_does_not_keep_a_server_from_ending(site, client):
    class Broken:
        """An outbox whose database has gone."""

        def __getattr__(self, name: str) -> Any:
            return getattr(site.app.core.storage.outbox, name)

        def let_go(self, _: str) -> None:
            raise StorageUnavailable("gone")

    async with receiving() as receiver:
        webhook = await make(client, receiver)
        ending = another(site)
        ending._outbox = Broken()
        await send(site, ending)
        await ending.close()
        await delete(client, webhook)
