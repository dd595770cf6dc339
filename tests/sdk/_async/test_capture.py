"""Capturing decisions in this colour, delivered to the real server."""

import socket
import threading

import httpx2
import pytest

import xase
from xase import AsyncClient, SpoolLimits


@pytest.fixture
def elsewhere():
    """An address where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


async def test_what_is_captured_reaches_the_server_once_and_in_order(client, decision, on_server):
    for n in range(50):
        client.records.capture(**{**decision, "transaction_id": str(n)})
    assert await client.records.flush(timeout=60) == 0
    assert client.records.pending == 0
    assert on_server(decision["model_id"]) == [str(n) for n in range(50)]


async def test_capturing_does_not_need_the_server(elsewhere, options, decision):
    async with AsyncClient(**{**options, "base_url": elsewhere}, spool_limits=SpoolLimits(exit_flush=0)) as client:
        for _ in range(10):
            client.records.capture(**decision)
        assert client.records.pending == 10
        assert await client.records.flush(timeout=0.1) == 10
        assert "could not be reached" in str(client.records.spool.last_error)


async def test_syncing_raises_what_keeps_decisions_back(elsewhere, options, decision):
    options |= {"base_url": elsewhere, "spool_limits": SpoolLimits(exit_flush=0), "max_retries": 0}
    async with AsyncClient(**options) as client:
        client.records.capture(**decision)
        with pytest.raises(xase.ConnectionFailed):
            await client.records.sync()
        assert client.records.pending == 1


async def test_syncing_delivers_what_another_client_left(options, decision, on_server):
    async with AsyncClient(**options) as client:
        client.records.capture(**decision)
    async with AsyncClient(**options) as again:
        await again.records.sync(timeout=60)
        assert again.records.pending == 0
    assert on_server(decision["model_id"]) == ["txn_abc123"]


async def test_a_refused_decision_is_set_aside_with_its_reason(client, decision, on_server):
    client.records.capture(**decision)
    bad = client.records.capture(**{**decision, "confidence": 1.01, "transaction_id": "bad"})
    client.records.capture(**decision)
    assert await client.records.flush(timeout=60) == 0
    (rejected,) = await client.records.rejected()
    assert (rejected.id, rejected.slug, rejected.status) == (bad, "validation_error", 400)
    assert "confidence" in rejected.error
    assert rejected.fields["transaction_id"] == "bad"
    assert "cust_123" not in repr(rejected)
    assert len(on_server(decision["model_id"])) == 2
    assert client.records.spool.rejected == 1
    assert await client.records.discard(bad)
    assert await client.records.rejected() == []


async def test_a_rejected_decision_can_be_tried_again(client, decision):
    bad = client.records.capture(**{**decision, "confidence": 2})
    await client.records.flush(timeout=60)
    assert await client.records.resubmit(bad)
    assert not await client.records.resubmit("no such capture")
    await client.records.flush(timeout=60)
    assert [each.id for each in await client.records.rejected()] == [bad]


async def test_a_full_spool_says_so(elsewhere, options, decision):
    limits = SpoolLimits(items=3, exit_flush=0)
    async with AsyncClient(**{**options, "base_url": elsewhere}, spool_limits=limits) as client:
        for _ in range(3):
            client.records.capture(**decision)
        with pytest.raises(xase.SpoolFull):
            client.records.capture(**decision)
        assert client.records.pending == 3


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "\ud800"], ids=["nan", "a set", "a surrogate"])
async def test_what_is_not_json_is_the_callers_at_once(client, decision, value):
    with pytest.raises((ValueError, TypeError)):
        client.records.capture(**{**decision, "input": {"x": value}})
    assert client.records.pending == 0


async def test_one_decision_has_a_limit(client, decision):
    with pytest.raises(ValueError, match="bytes"):
        client.records.capture(**{**decision, "input": {"x": "y" * 2_000_000}})


async def test_a_closed_client_captures_nothing(options, decision):
    client = AsyncClient(**options)
    client.records.capture(**decision)
    await client.close()
    with pytest.raises(xase.ConfigurationError, match="closed"):
        client.records.capture(**decision)


async def test_a_client_that_never_captured_makes_no_spool(client, options):
    await client.whoami()
    assert not options["spool"].exists()


async def test_closing_ends_the_courier(options, decision):
    others = threading.enumerate()  # couriers of tests that waited for none may still be on their way out
    async with AsyncClient(**options, spool_limits=SpoolLimits(exit_flush=60)) as client:
        client.records.capture(**decision)
    left = [thread for thread in threading.enumerate() if thread.name == "xase-courier"]
    assert set(left) <= set(others)


async def test_delivery_outlasts_a_passing_fault(options, decision, on_server):
    faults = [httpx2.ConnectError("refused"), httpx2.ReadError("reset"), httpx2.ReadTimeout("slow")]
    network = httpx2.HTTPTransport()

    def handle(request):
        answer = network.handle_request(request)
        answer.read()
        if request.method == "POST" and faults:
            raise faults.pop()  # the server has it; its answer is lost
        return answer

    async with AsyncClient(**options, transport=httpx2.MockTransport(handle)) as client:
        for n in range(20):
            client.records.capture(**{**decision, "transaction_id": str(n)})
        while client.records.pending:
            await client.records.flush(timeout=10)
    network.close()
    assert faults == []
    assert sorted(map(int, on_server(decision["model_id"]))) == list(range(20))
