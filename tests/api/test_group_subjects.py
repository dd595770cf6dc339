"""Groups of too few subjects are one group together; what is hidden beside a subject's name decides nothing."""

import statistics

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


ASKED = [
    [{"$match": {"who": {"ward": "a"}}}, {"$group": {"_id": None, "n": {"$sum": 1}}}],
    [{"$match": {"who": {"$in": [{"ward": "a"}, {"ward": "b"}]}}}, {"$group": {"_id": "$who", "n": {"$sum": 1}}}],
    [{"$addFields": {"x": {"$eq": ["$who", {"ward": "a"}]}}}, {"$group": {"_id": "$x", "n": {"$sum": 1}}}],
    [{"$group": {"_id": "$who", "n": {"$sum": 1}}}],
    [{"$group": {"_id": {"$ifNull": ["$who", "none"]}, "n": {"$sum": 1}}}],
    [{"$addFields": {"who.id": "same"}}, {"$group": {"_id": "$who", "n": {"$sum": 1}}}],
    [{"$sort": {"who": 1}}, {"$group": {"_id": "$who.ward", "n": {"$sum": 1}}}],
]


@pytest.fixture(scope="module")
async def twins(site):
    """Sessions on two datasets: in one of them the person of some records, which is hidden, is not known."""
    async with site.client() as client:
        addresses = []
        for nobody in (False, True):
            rows = [
                {"who": {"id": None if nobody and number % 4 == 0 else f"p{number}", "ward": "ab"[number % 2]}}
                for number in range(40)
            ]
            terms = {"deny_fields": ["who.id"], "entity_key": "who.id", "min_group_size": 3}
            dataset = await make_dataset(client, rows, policy_id=await make_policy(client, **terms))
            addresses.append(f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}/aggregate")
        yield addresses


@pytest.mark.parametrize("pipeline", ASKED)
async def test_whether_a_hidden_subject_is_null_is_not_told(client, twins, pipeline):
    answers = [(await client.post(address, json={"pipeline": pipeline})).json()["results"] for address in twins]
    assert ordered(answers[0]) == ordered(answers[1])
    assert sum(row["n"] for row in answers[0]) in {20, 40}


def ordered(rows):
    return sorted(rows, key=lambda row: (str(row["_id"]), "remainder" in row))


# ---------------------------------------------------------------------------- the remainder


WARDS = [{"person": f"p{number}", "ward": ward, "age": age} for number, (ward, age) in enumerate(
    [("a", 10)] * 5 + [("b", 30)] * 2 + [("c", 50)] * 2 + [("d", 90), (None, 0)] + [(None, 1)] * 5
)]  # fmt: skip


@pytest.fixture(scope="module")
async def site_of_groups(site):
    """Asks pipelines of data with one large ward, three small ones, and people of no known ward."""
    async with site.client() as client:
        policy = await make_policy(client, entity_key="person", min_group_size=5)
        dataset = await make_dataset(client, [*WARDS, *WARDS[:5]], policy_id=policy)
        address = f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}/aggregate"

        async def asked(*pipeline):
            answer = await client.post(address, json={"pipeline": pipeline})
            return answer.json().get("results", answer.json().get("error"))

        yield asked


GROUP = {"$group": {"_id": "$ward", "n": {"$sum": 1}, "mean": {"$avg": "$age"}, "spread": {"$stdDevPop": "$age"}}}


async def test_small_groups_are_one_group_together(site_of_groups):
    spread = statistics.pstdev([30, 30, 50, 50, 90])
    assert ordered(await site_of_groups(GROUP)) == ordered(
        [
            {"_id": "a", "n": 10, "mean": 10.0, "spread": 0.0},
            {
                "_id": None,
                "n": 6,
                "mean": pytest.approx(5 / 6),
                "spread": pytest.approx(statistics.pstdev([0, *[1] * 5])),
            },
            {"_id": None, "remainder": True, "n": 5, "mean": 50.0, "spread": pytest.approx(spread)},
        ]
    )


async def test_a_remainder_that_is_too_small_is_left_out(site_of_groups):
    one_small = {"$match": {"ward": {"$in": ["a", "b"]}}}
    two_small = {"$match": {"ward": {"$in": ["a", "b", "c"]}}}
    for before in (one_small, two_small):
        assert [row["_id"] for row in await site_of_groups(before, GROUP)] == ["a"]


async def test_a_remainder_counts_each_subject_once(client):
    rows = [{"person": f"p{number % 4}", "ward": f"w{number}"} for number in range(40)]
    policy = await make_policy(client, entity_key="person", min_group_size=5)
    dataset = await make_dataset(client, rows, policy_id=policy)
    address = f"/v1/sessions/{await open_session(client, dataset['dataset_id'])}/aggregate"
    answer = await client.post(address, json={"pipeline": [{"$group": {"_id": "$ward", "n": {"$sum": 1}}}]})
    assert answer.json()["results"] == []


async def test_later_stages_see_the_remainder_as_a_row(site_of_groups):
    assert await site_of_groups(GROUP, {"$match": {"remainder": True}}, {"$project": {"n": 1, "_id": 0}}) == [{"n": 5}]
    left_out = await site_of_groups(GROUP, {"$match": {"remainder": {"$exists": False}}}, {"$count": "rows"})
    assert left_out == [{"rows": 2}]


@pytest.mark.parametrize(
    ("pipeline", "field"),
    [
        ([{"$group": {"_id": "$ward", "remainder": {"$sum": 1}}}], "0.$group.remainder"),
        ([{"$addFields": {"x": "$$ROOT"}}, {"$group": {"_id": "$x.ward", "n": {"$sum": 1}}}], "0"),
        ([{"$sort": {"age": 1}}, {"$group": {"_id": "$$ROOT", "n": {"$sum": 1}}}], "1"),
        ([{"$limit": 7}, {"$group": {"_id": "$ward", "n": {"$sum": 1}}}], "0"),
    ],
)
async def test_what_would_hide_the_remainder_or_name_records_is_refused(site_of_groups, pipeline, field):
    refused = await site_of_groups(*pipeline)
    assert (refused["code"], [each["field"] for each in refused["details"]]) == ("invalid_query", [field])


async def test_a_field_in_the_subjects_name_changes_nothing(site_of_groups):
    count = {"$group": {"_id": "$ward", "n": {"$sum": 1}}}
    renamed = await site_of_groups({"$addFields": {"person": {"$concat": ["$person", "x"]}}}, count)
    assert ordered(renamed) == ordered(await site_of_groups(count))
    assert await site_of_groups({"$addFields": {"person": "$age"}}, count) == await site_of_groups(count)
