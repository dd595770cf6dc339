"""Rate limits: each key has its own, every answer says what is left, and nothing is stored beyond."""

import asyncio
import re
import time

import pytest

from tests.api.conftest import DECISION

LIMIT = 8


@pytest.fixture
def limited(open_site):
    """A server that allows eight requests per minute and key."""
    site = open_site(rate_limit=LIMIT)
    yield site
    asyncio.run(site.app.close())


async def test_every_answer_says_what_is_left(limited):
    async with limited.client() as client:
        for n, path in enumerate(
            ["/v1/whoami", "/v1/records", "/v1/records/rec_00000000", "/v1/records?limit=0"], start=1
        ):
            headers = (await client.get(path)).headers
            assert headers["ratelimit-policy"] == f'"key";q={LIMIT};w=60'
            left = re.fullmatch(r'"key";r=(\d+);t=(\d+)', headers["ratelimit"])
            assert left is not None
            assert int(left[1]) == LIMIT - n
            assert 0 < int(left[2]) <= 60
            assert headers["x-ratelimit-limit"] == str(LIMIT)
            assert headers["x-ratelimit-remaining"] == str(LIMIT - n)
            assert 0 < int(headers["x-ratelimit-reset"]) - time.time() <= 61


async def test_one_request_too_many_is_refused_and_stores_nothing(limited):
    async with limited.client() as client:
        for _ in range(LIMIT):
            assert (await client.post("/v1/records", json=DECISION)).status_code == 201
        answer = await client.post("/v1/records", json=DECISION)
        assert answer.status_code == 429
        error = answer.json()["error"]
        assert error["type"] == error["code"] == "rate_limit_exceeded"
        assert error["message"] == "Rate limit exceeded"
        assert set(error["details"]) == {"limit", "period", "reset_at"}
        assert error["details"]["limit"] == LIMIT
        assert error["details"]["period"] == "1m"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", error["details"]["reset_at"])
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.headers["x-ratelimit-remaining"] == "0"
    size = limited.app.core.storage.read(lambda reads: reads.head().size)
    assert size == LIMIT + 2  # and two keys


async def test_each_key_has_its_own(limited):
    async with limited.client() as one, limited.client(limited.stranger) as two:
        answers = [await one.get("/v1/whoami") for _ in range(LIMIT + 1)]
        assert answers[-1].status_code == 429
        assert (await two.get("/v1/whoami")).status_code == 200


async def test_guessing_keys_uses_up_the_quota_of_the_address(limited):
    async with limited.client("wrong") as nobody:
        answers = [await nobody.get("/v1/whoami") for _ in range(LIMIT + 1)]
    assert [answer.status_code for answer in answers] == [401] * LIMIT + [429]
    assert all("ratelimit" in answer.headers for answer in answers)
    async with limited.client() as client:
        assert (await client.get("/v1/whoami")).status_code == 200


async def test_what_is_allowed_at_an_address_is_answered_with_it(limited):
    async with limited.client("") as nobody:
        answer = await nobody.options("/v1/records")
    assert answer.status_code == 204
    assert answer.headers["x-ratelimit-limit"] == str(LIMIT)


async def test_asking_for_health_costs_nothing(limited):
    async with limited.client("") as nobody:
        answers = [await nobody.get(path) for path in ("/healthz", "/readyz") for _ in range(LIMIT)]
        assert {answer.status_code for answer in answers} == {200}
        assert answers[-1].headers["x-ratelimit-remaining"] == str(LIMIT)


async def test_without_a_limit_nothing_is_said_of_it(site):
    async with site.client() as client:
        headers = (await client.get("/v1/whoami")).headers
    assert not [name for name in headers if "ratelimit" in name]
