"""Every call of the store fails, or takes effect and says that it failed; then a retry, or a restart.

The whole server runs in this process on a store in memory. After each step the log must be whole.
"""

import itertools

import pytest

from tests.simulator import APPENDING, Fault, Simulator

FAULTS = [(call, Fault.FAILS) for call in APPENDING] + [("write", Fault.PERSISTS), ("commit", Fault.PERSISTS)]
BIG_STEP_MS = 60_000


@pytest.fixture
async def server(tmp_path, keys):
    async with Simulator(tmp_path / "home", keys) as simulator:
        yield simulator


async def assert_whole(server: Simulator, expected: list[str]) -> None:
    """Exactly these decisions, linked without a gap, all under the newest signed checkpoint."""
    status, page = await server.ask("GET", "/v1/records?limit=100&order=asc")
    assert status == 200, page
    records = page["data"]
    assert [record["transaction_id"] for record in records] == expected
    assert [record["sequence"] for record in records] == list(range(len(records)))
    for before, after in itertools.pairwise(records):
        assert after["previous_hash"] == before["hash"]
    server.audit()


@pytest.mark.parametrize("restarting", [False, True], ids=["retry", "restart"])
@pytest.mark.parametrize(("call", "fault"), FAULTS, ids=lambda each: getattr(each, "name", each))
async def test_a_failing_call_of_the_store_costs_nothing_but_a_retry(server, call, fault, restarting):
    assert (await server.record("before"))[0] == 201
    server.storage.strike(call, fault)
    status, answer = await server.record("struck")
    assert status in {201, 503}, answer
    if status == 503:
        assert answer["error"]["code"] == "unavailable"
    assert server.storage.struck
    if restarting:
        await server.restart()
    again, repeated = await server.record("struck")
    assert again == 201, repeated
    if status == 201:
        assert repeated["id"] == answer["id"]
    assert (await server.record("after"))[0] == 201
    await assert_whole(server, ["before", "struck", "after"])


async def test_a_store_that_cannot_be_read_is_unavailable(server):
    _, record = await server.record("before")
    server.storage.strike("read")
    status, answer = await server.ask("GET", f"/v1/records/{record['id']}")
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert (await server.ask("GET", f"/v1/records/{record['id']}"))[0] == 200


async def test_a_commit_that_took_effect_and_said_it_failed_is_found_by_its_idempotency_key(server):
    server.storage.strike("commit", Fault.PERSISTS)
    assert (await server.record("struck"))[0] == 503
    await assert_whole(server, ["struck"])
    status, _ = await server.record("struck")
    assert status == 201
    await assert_whole(server, ["struck"])


async def test_a_clock_that_steps_back_a_little_stands_still_in_the_log(server):
    _, before = await server.record("before")
    server.clock.advance(-4_000)
    status, after = await server.record("after")
    assert status == 201
    assert after["created_at"] == before["created_at"]
    await assert_whole(server, ["before", "after"])


async def test_a_clock_that_steps_back_much_stops_signing_until_it_has_caught_up(server):
    await server.record("before")
    server.clock.advance(-BIG_STEP_MS)
    status, answer = await server.record("refused")
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert (await server.ask("GET", "/readyz"))[0] == 503
    server.clock.advance(BIG_STEP_MS)
    assert (await server.record("after"))[0] == 201
    await assert_whole(server, ["before", "after"])


async def test_a_clock_that_steps_back_much_is_signed_when_an_operator_accepts_it(server):
    _, before = await server.record("before")
    server.clock.advance(-BIG_STEP_MS)
    await server.restart()
    assert (await server.record("refused"))[0] == 503
    await server.restart(accept_clock=True)
    status, after = await server.record("after")
    assert status == 201
    assert after["created_at"] == before["created_at"], "time stands still until the clock has caught up"
    await assert_whole(server, ["before", "after"])


async def test_time_goes_on_when_the_clock_does(server):
    _, before = await server.record("before")
    server.clock.advance(1_500)
    _, after = await server.record("after")
    assert after["created_at"] > before["created_at"]
