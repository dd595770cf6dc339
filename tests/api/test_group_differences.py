"""Groups that differ by few people are not both answered, in one answer or in several."""

import asyncio

import pytest

from tests.api.conftest import finished_bundle
from tests.api.sessions import make_dataset, make_policy, open_session

PEOPLE = 30
ROWS = [{"record_id": f"r{n}", "person": {"id": f"p{n}"}, "age": n, "ward": "ab"[n % 2]} for n in range(PEOPLE)]
TERMS = {"entity_key": "person.id", "min_group_size": 5, "min_set_difference": 4, "deny_fields": ["person"]}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


async def open_(client, rows=ROWS, lab=None, **terms):
    """A new dataset under the guard, with a session of the holder or the lab on it; the dataset's id, too."""
    dataset = await make_dataset(client, rows, policy_id=await make_policy(client, **(TERMS | terms)))
    return dataset["dataset_id"], await open_session(lab or client, dataset["dataset_id"])


async def ask(client, session, *pipeline):
    return await client.post(f"/v1/sessions/{session}/aggregate", json={"pipeline": list(pipeline)})


def younger(than):
    return {"$match": {"age": {"$lt": than}}}


def count(key=None, **more):
    return {"$group": {"_id": key, "n": {"$sum": 1}} | more}


def code(answer):
    return answer.status_code, answer.json().get("error", {}).get("code")


ANSWERED, TOO_NEAR = (200, None), (403, "group_too_small")


async def test_an_answer_near_to_an_earlier_one_is_refused_and_its_groups_are_not_kept(client):
    _, session = await open_(client)
    terms = (await client.get(f"/v1/sessions/{session}")).json()["obligations"]
    assert (terms["min_group_size"], terms["min_set_difference"], terms["round_to"]) == (5, 4, 1)
    assert code(await ask(client, session, younger(20), count())) == ANSWERED
    refused = await ask(client, session, younger(21), count())
    assert code(refused) == TOO_NEAR
    assert refused.json()["error"]["details"] == {"min_set_difference": 4}
    assert (await client.get(f"/v1/sessions/{session}")).json()["usage_stats"]["queries"] == 2
    assert code(await ask(client, session, younger(24), count())) == ANSWERED
    assert code(await ask(client, session, younger(22), count())) == TOO_NEAR
    assert code(await ask(client, session, younger(17), count())) == TOO_NEAR


async def test_a_refusal_counts_as_a_query_and_is_in_the_ledger(client):
    dataset, session = await open_(client, max_queries=3, rate_limit={"limit": 5, "period": "24h"})
    assert code(await ask(client, session, younger(20), count())) == ANSWERED
    for than in (21, 22):
        assert code(await ask(client, session, younger(than), count())) == TOO_NEAR
    for _ in range(2):
        assert code(await ask(client, session, younger(20), count())) == (403, "quota_exceeded")
    assert code(await ask(client, session, younger(20), count())) == (429, "rate_limit_exceeded")
    events = (await client.get(f"/v1/sessions/{session}/events")).json()["data"]
    refusals = [each["body"] for each in events if each["type"] == "aggregate_refused"]
    assert [(each["dataset_id"], each["code"]) for each in refusals] == [(dataset, "group_too_small")] * 2
    stats = (await client.get(f"/v1/sessions/{session}")).json()["usage_stats"]
    assert (stats["queries"], stats["records_accessed"]) == (3, 0)
    days = (await client.get("/v1/usage", params={"group_by": "day"})).json()["data"]
    sessions = (await client.get("/v1/usage", params={"group_by": "session"})).json()["data"]
    assert sum(each["queries"] for each in days) == sum(each["queries"] for each in sessions)
    bundle = await finished_bundle(client, {"session_id": session})
    checked = await client.post("/v1/evidence/verify", json={"bundle_id": bundle["bundle_id"]})
    assert checked.json()["verification"]["valid"], checked.text


async def test_the_same_people_may_be_asked_about_again(client):
    _, session = await open_(client)
    for _ in range(2):
        assert code(await ask(client, session, younger(20), count("$ward"))) == ANSWERED
        assert code(await ask(client, session, younger(20), count("$ward", mean={"$avg": "$age"}))) == ANSWERED
        assert code(await ask(client, session, younger(20), count())) == ANSWERED


async def test_groups_of_one_answer_are_compared_too(client):
    rows = [{"person": {"id": f"p{n}"}, "visit": visit} for n in range(10) for visit in ("one", "two")]
    _, session = await open_(client, [*rows, {"person": {"id": "p10"}, "visit": "two"}])
    assert code(await ask(client, session, count("$visit"))) == TOO_NEAR
    _, session = await open_(client, rows)
    assert code(await ask(client, session, count("$visit"))) == ANSWERED


async def test_other_records_of_the_same_people_are_another_group(client):
    rows = [{"person": {"id": f"p{n}"}, "visit": 0} for n in range(10)]
    rows += [{"person": {"id": f"p{n}"}, "visit": 1} for n in (3, 4, 4)]
    _, session = await open_(client, rows)
    assert code(await ask(client, session, count())) == ANSWERED
    assert code(await ask(client, session, {"$match": {"visit": 0}}, count())) == TOO_NEAR


async def test_a_remainder_is_a_group_like_others(client):
    rows = [{"person": {"id": f"p{n}"}, "ward": f"w{n}", "late": n > 8} for n in range(12)]
    _, session = await open_(client, rows)
    assert (await ask(client, session, count("$ward"))).json()["results"] == [{"_id": None, "remainder": True, "n": 12}]
    assert code(await ask(client, session, {"$match": {"late": False}}, count())) == TOO_NEAR
    assert code(await ask(client, session, count())) == ANSWERED


async def test_another_session_of_the_organisation_is_no_way_round(site, client, stranger):
    dataset, first = await open_(client, lab=stranger)
    assert code(await ask(stranger, first, younger(20), count())) == ANSWERED
    second, own = [await open_session(each, dataset) for each in (stranger, client)]
    assert code(await ask(stranger, second, younger(21), count())) == TOO_NEAR
    assert code(await ask(client, own, younger(21), count())) == ANSWERED  # of another organisation


async def test_what_is_seen_of_the_subject_decides_nothing(client):
    """Sessions with keys of their own see other hashes of the same people."""
    rows = [{"person": f"p{n % 15}", "age": n} for n in range(30)]
    terms = {"deny_fields": None, "entity_key": "person", "transforms": {"person": {"op": "hash"}}}
    dataset, first = await open_(client, rows, **terms)
    assert code(await ask(client, first, {"$match": {"age": {"$lt": 12}}}, count())) == ANSWERED
    second = await open_session(client, dataset)
    assert code(await ask(client, second, {"$match": {"age": {"$lt": 12}}}, count())) == ANSWERED
    assert code(await ask(client, second, {"$match": {"age": {"$lt": 13}}}, count())) == TOO_NEAR


async def test_of_two_near_answers_at_once_one_is_given(client):
    _, session = await open_(client)
    asked = [ask(client, session, younger(15 + n), count()) for n in range(4)]
    answers = await asyncio.gather(*asked, *(ask(client, session, younger(25), count()) for _ in range(8)))
    assert sorted(map(code, answers[:4])) == [ANSWERED, TOO_NEAR, TOO_NEAR, TOO_NEAR]
    assert {code(answer) for answer in answers[4:]} == {ANSWERED}


async def test_servers_of_one_store_know_what_the_others_answered_and_so_do_later_ones(open_site):
    one = open_site(rate_limit=0)
    two, later = [open_site(home=one.app.core.home.path, library=one.app.library, rate_limit=0) for _ in range(2)]
    async with one.client() as here, two.client() as there, later.client() as client:
        _, session = await open_(here)
        asked = [ask(each, session, younger(15 + n), count()) for n, each in enumerate([here, there] * 2)]
        answers = await asyncio.gather(*asked)
        assert sorted(map(code, answers)) == [ANSWERED, TOO_NEAR, TOO_NEAR, TOO_NEAR]
        again = [await ask(client, session, younger(15 + n), count()) for n in range(4)]
        assert list(map(code, again)) == list(map(code, answers))
    for site in (one, two, later):
        await site.app.close()


async def test_evidence_of_an_answer_does_not_tell_who_is_in_which_group(client):
    _, session = await open_(client)
    answer = (await ask(client, session, younger(20), count())).json()
    evidence = (await client.get(f"/v1/evidence/{answer['aggregation_id']}")).json()
    assert sorted(evidence["disclosed"]) == ["principal", "query"]


async def test_groups_of_what_unwind_makes_are_refused(client):
    _, session = await open_(client, [{"person": {"id": f"p{n}"}, "tags": ["x", "y"]} for n in range(9)])
    assert code(await ask(client, session, {"$unwind": "$tags"}, count("$tags"))) == (400, "invalid_query")


async def test_without_an_entity_key_records_are_compared(client):
    _, session = await open_(client, entity_key=None, min_group_size=1)
    assert code(await ask(client, session, count("$age"))) == TOO_NEAR
    assert code(await ask(client, session, count("$ward"))) == ANSWERED
    assert code(await ask(client, session, younger(28), count("$ward"))) == TOO_NEAR
    assert code(await ask(client, session, {"$match": {"age": 3}})) == TOO_NEAR  # does not group


async def test_no_more_groups_are_answered_than_are_kept(client, monkeypatch):
    monkeypatch.setattr("xase_server.services.answered._MOST_CELLS", 3)
    _, session = await open_(client)
    assert code(await ask(client, session, count("$ward"))) == ANSWERED
    refused = await ask(client, session, younger(20), count("$ward"))
    assert refused.json()["error"]["details"] == {
        "quota": "answered_groups",
        "scope": "dataset",
        "limit": 3,
        "used": 2,
        "left": 1,
        "resets_at": None,
    }
    assert code(await ask(client, session, count("$ward"))) == ANSWERED
