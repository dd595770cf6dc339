"""API keys: made, listed, rotated, revoked; the secret is shown once."""

import re

import pytest

from xase_server.domain.principals import ROLES, SCOPES


@pytest.mark.parametrize("role", ROLES)
async def test_a_key_of_a_role_has_its_scopes(site, client, role):
    answer = await client.post("/v1/keys", json={"name": "k", "role": role, "email": "who@one.example"})
    assert answer.status_code == 201
    key = answer.json()
    assert re.fullmatch(r"xase_pk_[0-9a-f]{48}", key["key"])
    assert answer.headers["location"] == f"/v1/keys/{key['id']}"
    async with site.client(key["key"]) as other:
        me = (await other.get("/v1/whoami")).json()
    assert me == {
        "organisation": "org_one",
        "key_id": key["id"],
        "email": "who@one.example",
        "role": role,
        "scopes": sorted(ROLES[role]),
        "may_act_for": [],
    }


async def test_a_key_of_scopes_has_exactly_those(site, client):
    scopes = sorted(set(SCOPES) - {"log:monitor"})[:3]
    key = (await client.post("/v1/keys", json={"name": "k", "scopes": scopes})).json()
    async with site.client(key["key"]) as other:
        me = (await other.get("/v1/whoami")).json()
    assert (me["role"], me["scopes"]) == (None, scopes)


async def test_the_secret_is_shown_once(client):
    made = (await client.post("/v1/keys", json={"name": "shown once", "role": "auditor"})).json()
    listed = await client.get("/v1/keys", params={"limit": 100})
    (shown,) = [key for key in listed.json()["data"] if key["id"] == made["id"]]
    assert made["key"] not in listed.text
    assert {name: value for name, value in made.items() if name != "key"} == shown
    assert made["display"].startswith(made["key"][:12])
    assert made["display"].endswith(made["key"][-4:])


async def test_a_rotated_key_works_on_for_its_grace(site, client):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "ai_lab"})).json()
    answer = await client.post(f"/v1/keys/{made['id']}/rotate", json={"grace": "90m"})
    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["role"], new["email"]) == (made["name"], made["role"], made["email"])
    for secret in (made["key"], new["key"]):
        async with site.client(secret) as other:
            assert (await other.get("/v1/whoami")).status_code == 200
    listed = (await client.get("/v1/keys", params={"limit": 100})).json()["data"]
    (old,) = [key for key in listed if key["id"] == made["id"]]
    assert old["rotated_to"] == new["id"]
    assert "expires_at" in old


async def test_a_key_rotated_without_grace_ends_at_once(site, client):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "ai_lab"})).json()
    async with site.client(made["key"]) as other:
        assert (await other.get("/v1/whoami")).status_code == 200
        assert (await client.post(f"/v1/keys/{made['id']}/rotate", json={"grace": "0"})).status_code == 201
        assert (await other.get("/v1/whoami")).status_code == 401


@pytest.mark.parametrize("grace", ["", "1", "24", "-1h", "1y", "31d", "9" * 20 + "s", "1h30m", None, 3])
async def test_a_senseless_grace_is_refused(client, grace):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "ai_lab"})).json()
    answer = await client.post(f"/v1/keys/{made['id']}/rotate", json={"grace": grace})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "grace"


async def test_revoking_shows_when_and_is_no_error_twice(client):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "ai_lab"})).json()
    first = await client.delete(f"/v1/keys/{made['id']}")
    second = await client.delete(f"/v1/keys/{made['id']}")
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert "revoked_at" in first.json()
    assert (await client.post(f"/v1/keys/{made['id']}/rotate")).status_code == 409


async def test_an_unknown_key_is_not_found(client):
    for method, path in (("DELETE", "/v1/keys/key_0000000000000000"), ("POST", "/v1/keys/key_0000000000000000/rotate")):
        answer = await client.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"]["details"] == {"resource": "key", "id": "key_0000000000000000"}


async def test_changes_of_keys_are_in_the_ledger_without_names(client):
    wish = {"name": "Ann's laptop", "role": "auditor", "email": "ann@one.example"}
    made = (await client.post("/v1/keys", json=wish)).json()
    await client.delete(f"/v1/keys/{made['id']}")
    evidence = (await client.get(f"/v1/evidence/{made['id']}")).json()
    assert evidence["type"] == "key_created"
    assert "ann@one.example" not in str(evidence["entry"])
    assert "Ann" not in str(evidence["entry"])
    assert evidence["disclosed"]["email"]["value"] == "ann@one.example"


async def test_pages_of_keys_neither_skip_nor_repeat_while_new_ones_come(client):
    made = [(await client.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor = None
    while len(found) < len(made):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/keys", params=query)).json()
        found, cursor = found + [key["id"] for key in page["data"]], page["next_cursor"]
        await client.post("/v1/keys", json={"name": "later", "role": "auditor"})
    assert found[: len(made)] == made[::-1]
