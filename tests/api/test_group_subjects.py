"""Subjects of groups are counted in the sight of the session: what is hidden beside their name decides nothing."""

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session

PIPELINES = [
    [{"$match": {"who": {"$in": [{"id": 1}, {"id": 2}]}}}, {"$group": {"_id": None, "n": {"$sum": 1}}}],
    [
        {"$addFields": {"x": {"$eq": ["$who", {"id": 1}]}}},
        {"$group": {"_id": "$x", "n": {"$sum": 1}}},
        {"$sort": {"_id": 1}},
    ],
]
COUNTED = [[{"_id": None, "n": 4}], [{"_id": False, "n": 8}]]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize("name", [None, "Ann"])
async def test_a_hidden_member_of_the_subject_decides_nothing(client, name):
    rows = [
        {"record_id": f"r{number}", "who": {"id": number % 5, "name": name if number < 9 else "Bob"}}
        for number in range(10)
    ]
    terms = {"deny_fields": ["who.name"], "entity_key": "who.id", "min_group_size": 2}
    dataset = (await make_dataset(client, rows, policy_id=await make_policy(client, **terms)))["dataset_id"]
    address = f"/v1/sessions/{await open_session(client, dataset)}/aggregate"
    answers = [await client.post(address, json={"pipeline": each}) for each in PIPELINES]
    assert [each.json().get("results", each.text) for each in answers] == COUNTED
