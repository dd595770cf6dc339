"""Keys: both headers, any prefix, and one answer for everything that is not a working key."""

from datetime import UTC, datetime, timedelta

import pytest

from xase_server.domain.entries import Unit
from xase_server.domain.principals import Principal
from xase_server.services.keys import append_key, mint

WHOAMI = "/v1/whoami"


def refused(answer):
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    assert error["code"] == "authentication_error"
    return error["message"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_a_bearer_key_is_accepted(site, scheme):
    async with site.client("") as client:
        answer = await client.get(WHOAMI, headers={"authorization": f"{scheme} {site.admin}"})
        assert answer.status_code == 200
        assert answer.json()["role"] == "admin"


async def test_a_key_in_x_api_key_is_accepted(site):
    async with site.client("") as client:
        assert (await client.get(WHOAMI, headers={"X-API-Key": site.admin})).status_code == 200


async def test_two_equal_keys_are_accepted_and_two_that_differ_are_not(site):
    async with site.client() as client:
        assert (await client.get(WHOAMI, headers={"X-API-Key": site.admin})).status_code == 200
        assert "differ" in refused(await client.get(WHOAMI, headers={"X-API-Key": site.stranger}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer xase_pk_{'0' * 48}"},
        {"authorization": "Bearer " + "k" * 8000},
        {"authorization": "Bearer ключ".encode()},
        {"authorization": b"Bearer \xff\xfe"},
        {"x-api-key": ""},
        {"x-api-key": "wrong"},
    ],
)
async def test_a_missing_or_wrong_key_is_refused(site, headers):
    async with site.client("") as client:
        refused(await client.get(WHOAMI, headers=headers))


async def test_a_key_given_twice_in_one_header_is_refused(site):
    async with site.client("") as client:
        twice = [("authorization", f"Bearer {site.stranger}"), ("authorization", f"Bearer {site.admin}")]
        answer = await client.get(WHOAMI, headers=twice)
        assert answer.status_code == 400
        assert answer.json()["error"]["details"] == [{"field": "Authorization", "message": "Given more than once"}]


async def test_a_key_is_not_refused_for_its_prefix(site):
    secret = "sk_live_0123456789abcdef"
    minted = mint(
        organisation="org_one",
        email="old@one.example",
        name="brought along",
        role="auditor",
        now_ms=site.app.core.clock.now_ms(),
        secret=secret,
    )
    operator = Principal("org_one", "key_operator", "operator@localhost", "operator", frozenset())
    site.app.core.ledger.append_now(Unit((append_key(operator, minted.row),)))
    async with site.client(secret) as client:
        assert (await client.get(WHOAMI)).json()["email"] == "old@one.example"


async def test_a_revoked_key_is_refused_at_once(site, client):
    secret = site.mint(role="auditor")
    async with site.client(secret) as other:
        key_id = (await other.get(WHOAMI)).json()["key_id"]
        assert (await client.delete(f"/v1/keys/{key_id}")).status_code == 200
        refused(await other.get(WHOAMI))


async def test_an_expired_key_is_refused_like_an_unknown_one(site, client):
    soon = datetime.now(UTC) + timedelta(seconds=1)
    wish = {"name": "short", "role": "auditor", "expires_at": soon.isoformat()}
    secret = (await client.post("/v1/keys", json=wish)).json()["key"]
    async with site.client(secret) as other:
        answer = await other.get(WHOAMI)
        while datetime.now(UTC) < soon + timedelta(milliseconds=5):
            answer = await other.get(WHOAMI)
        answer = await other.get(WHOAMI)
        async with site.client("wrong") as nobody:
            assert refused(answer) == refused(await nobody.get(WHOAMI))


async def test_unknown_keys_learn_nothing_about_what_exists(site, record):
    async with site.client("wrong") as nobody:
        there = await nobody.get(f"/v1/records/{record['id']}")
        absent = await nobody.get("/v1/records/rec_0000000000000000")
    assert refused(there) == refused(absent)


async def test_no_answer_and_no_log_line_holds_the_key(site, capsys):
    async with site.client() as client:
        answer = await client.get("/v1/keys")
    assert site.admin not in answer.text
    assert site.admin not in capsys.readouterr().out
