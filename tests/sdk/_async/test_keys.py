"""API keys and identity against the real server."""

from typing import Any

import pytest

import xase
from xase import AsyncClient


async def test_whoami_says_whose_key_it_is(client):
    identity = await client.whoami()
    assert identity.role == "admin"
    assert "records:write" in identity.scopes
    assert identity.organisation.startswith("org_")


async def test_a_new_key_works_within_its_role_and_no_further(client, options, decision):
    made = await client.keys.create(name="auditor", role="auditor", email="auditor@example.com")
    async with AsyncClient(**{**options, "api_key": made.key}) as auditor:
        assert (await auditor.whoami()).email == "auditor@example.com"
        await auditor.records.list(limit=1)
        with pytest.raises(xase.AuthorizationFailed) as caught:
            await auditor.records.create(**decision)
    assert caught.value.details == {"required_scope": "records:write"}


async def test_a_key_may_hold_a_list_of_scopes(client):
    made = await client.keys.create(name="writer", scopes=["records:write"], expires_at="2999-01-01")
    assert made.scopes == ["records:write"]
    assert made.expires_at.startswith("2999-01-01")


async def test_keys_are_listed_without_their_secrets(client):
    made = await client.keys.create(name="listed", role="reviewer")
    listed = {key.id: key async for key in await client.keys.list(limit=1)}
    assert listed[made.id].name == "listed"
    assert "key" not in listed[made.id]
    assert (await client.keys.get(made.id)).name == "listed"


async def test_a_revoked_key_is_refused(client, options):
    made = await client.keys.create(name="short-lived", role="reviewer")
    assert (await client.keys.revoke(made.id)).revoked_at
    async with AsyncClient(**{**options, "api_key": made.key}) as revoked:
        with pytest.raises(xase.AuthenticationFailed):
            await revoked.whoami()


async def test_a_rotated_key_lives_on_for_its_grace(client, options):
    old = await client.keys.create(name="rotated", role="reviewer")
    new = await client.keys.rotate(old.id, grace="1h")
    assert new.key != old.key
    for secret in (old.key, new.key):
        async with AsyncClient(**{**options, "api_key": secret}) as holder:
            assert (await holder.whoami()).role == "reviewer"


async def test_an_intervention_may_be_made_for_another_person_where_the_key_allows_it(client, options, decision):
    record = await client.records.create(**decision)
    made = await client.keys.create(name="desk", role="reviewer", may_act_for=["ada@example.com"])
    async with AsyncClient(**{**options, "api_key": made.key}) as desk:
        said: dict[str, Any] = {"action": "ESCALATED", "reason": "Unclear"}
        done = await desk.records.intervene(record.id, **said, actor_email="ada@example.com")
        assert done.actor_email == "ada@example.com"
        with pytest.raises(xase.ValidationFailed):
            await desk.records.intervene(record.id, **said, actor_email="eve@example.com")
