"""The master key is replaced: sessions that are open see the same values, those to come see others."""

import shutil
from pathlib import Path

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from xase_server.home import Home

ROWS = [{"record_id": f"r{number}", "patient": f"p{number % 3}", "card": f"c{number}"} for number in range(6)]
TRANSFORMS = {"patient": {"op": "hash", "domain": "dataset"}, "card": {"op": "hash"}}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
def home(signing_keys, tmp_path) -> Path:
    (tmp_path / "home" / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(signing_keys / "document.pem", tmp_path / "home" / "keys")
    return tmp_path / "home"


async def values(client, session: str) -> list[dict[str, str]]:
    answer = await client.get(f"/v1/sessions/{session}/stream")
    assert answer.status_code == 200, answer.text
    return [{name: record[name] for name in TRANSFORMS} for record in answer.json()["batch"]]


async def test_open_sessions_keep_their_key_and_later_ones_get_another(open_site, home):
    site = open_site(home=home, rate_limit=0)
    async with site.client() as client:
        policy = await make_policy(client, transforms=TRANSFORMS)
        dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
        before = await open_session(client, dataset)
        seen = await values(client, before)
    await site.app.close()
    assert Home(home).rotate_master_key() == 2

    site = open_site(home=home, rate_limit=0)
    async with site.client() as client:
        after = await open_session(client, dataset)
        assert await values(client, before) == seen
        fresh = await values(client, after)
    await site.app.close()
    assert {each["patient"] for each in seen}.isdisjoint(each["patient"] for each in fresh)
    assert len({each["patient"] for each in fresh}) == 3


async def test_tokens_of_before_are_followed_back_by_the_key_of_before(open_site, home):
    tokens: list[str] = []
    dataset = ""
    for _ in range(2):
        site = open_site(home=home, rate_limit=0)
        async with site.client() as client:
            if not tokens:
                policy = await make_policy(client, transforms={"card": {"op": "tokenize", "domain": "dataset"}})
                dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
            records = (await client.get(f"/v1/sessions/{await open_session(client, dataset)}/stream")).json()["batch"]
            tokens += [each["card"] for each in records]
            asked = {"tokens": tokens, "reason": "r"}
            answer = (await client.post(f"/v1/datasets/{dataset}/detokenize", json=asked)).json()
            assert [each["value"] for each in answer["reversed"]] == [row["card"] for row in ROWS] * (len(tokens) // 6)
        await site.app.close()
        Home(home).rotate_master_key()
    assert len(set(tokens)) == 12


async def test_without_the_key_that_it_began_with_a_session_is_unavailable(open_site, home):
    site = open_site(home=home, rate_limit=0)
    async with site.client() as client:
        policy = await make_policy(client, transforms=TRANSFORMS)
        dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
        session = await open_session(client, dataset)
    await site.app.close()
    Home(home).rotate_master_key()
    (home / "keys" / "master.key.1").unlink()

    site = open_site(home=home, rate_limit=0)
    async with site.client() as client:
        answer = await client.get(f"/v1/sessions/{session}/stream")
    await site.app.close()
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")
