"""What one session may use, held by every way out of it: how much, how often, and how much at a time."""

import asyncio

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from tests.api.streaming import ARROW, CSV, NDJSON, Streamed

ROWS = [{"record_id": f"r{number}", "n": number} for number in range(40)]
PAGE, FILTER, AGGREGATE, RECORD, TRANSFORM = "page", "filter", "aggregate", "record", "transform"
BULK = [ARROW, NDJSON, CSV]
WAYS = [PAGE, FILTER, AGGREGATE, RECORD, TRANSFORM, *BULK]
HIDING = {"transformation": "redact", "parameters": {"fields": ["n"]}}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def opened(site):
    """Opens a session under these limits, on data that the first one made."""
    async with site.client() as client:
        dataset = (await make_dataset(client, ROWS))["dataset_id"]

        async def open_(**limits):
            policy = await make_policy(client, **limits)
            await client.patch(f"/v1/datasets/{dataset}", json={"policy_id": policy})
            return await open_session(client, dataset)

        yield open_


async def ask(client, session, way, records=10):
    """One request for so many records, or for what says as much of them."""
    address = f"/v1/sessions/{session}"
    names = [row["record_id"] for row in ROWS[:records]]
    rows = [{"$limit": records}, {"$project": {"n": 1}}]
    match way:
        case "page":
            return await client.get(f"{address}/stream", params={"batch_size": records})
        case "filter":
            return await client.post(f"{address}/filter", json={"limit": records})
        case "aggregate":
            return await client.post(
                f"{address}/aggregate", json={"pipeline": [{"$match": {"n": {"$lt": records}}}, *rows]}
            )
        case "record":
            return await client.get(f"{address}/records/r1")
        case "transform":
            return await client.post(f"{address}/transform", json={"record_ids": names, **HIDING})
        case media:
            query = {"batch_size": records, "filter": f'{{"n": {{"$lt": {records}}}}}'}
            return await client.get(f"{address}/stream", params=query, headers={"accept": media})


def quota(answer):
    error = answer.json()["error"]
    return error["code"], error["details"].get("quota")


@pytest.mark.parametrize("way", WAYS)
async def test_a_bulk_answer_under_way_holds_its_place_against_every_way(site, client, opened, way):
    session = await opened(max_concurrent=1)
    stream = await Streamed(site, session, ARROW, batch_size=10).begun()
    assert quota(await ask(client, session, way)) == ("quota_exceeded", "max_concurrent")
    assert len((await stream.ended()).records) == len(ROWS)
    assert (await ask(client, session, way)).status_code == 200


@pytest.mark.parametrize("media", BULK)
async def test_a_caller_who_leaves_frees_the_place(site, client, opened, media):
    session = await opened(max_concurrent=1)
    for _ in range(2):
        await (await Streamed(site, session, media, batch_size=10).begun()).left()
    head = await Streamed(site, session, media, method="HEAD").ended()
    assert head.status == 200
    assert (await ask(client, session, media)).status_code == 200


async def test_a_refused_bulk_answer_holds_no_place(site, client, opened):
    session = await opened(max_concurrent=1)
    refused = await Streamed(site, session, ARROW, filter='{"n": {"$where": "x"}}').ended()
    assert (refused.status, refused.error["code"]) == (400, "invalid_query")
    assert (await ask(client, session, PAGE)).status_code == 200


async def test_the_others_hold_places_while_they_work(site, client, opened, monkeypatch):
    """The engine is held at work until another request has been refused."""
    for way in (PAGE, FILTER, AGGREGATE, TRANSFORM):
        session = await opened(max_concurrent=1)
        planner, held, let_go = site.app.services.data.planner, asyncio.Event(), asyncio.Event()
        view = planner.view

        async def waiting(grant, view=view, held=held, let_go=let_go):
            held.set()
            await let_go.wait()
            return await view(grant)

        with monkeypatch.context() as patch:
            patch.setattr(planner, "view", waiting)
            working = asyncio.create_task(ask(client, session, way))
            await held.wait()
            assert quota(await ask(client, session, RECORD)) == ("quota_exceeded", "max_concurrent"), way
            let_go.set()
            assert (await working).status_code == 200


@pytest.mark.parametrize("way", [way for way in WAYS if way != RECORD])
@pytest.mark.parametrize("limit", [{"max_records": 9}, {"max_bytes": 20}])
async def test_no_way_hands_out_more_than_the_quota(client, opened, way, limit):
    session = await opened(**limit)
    answer = await ask(client, session, way)
    assert (answer.status_code, quota(answer)) == (403, ("quota_exceeded", *limit))
    assert "r1" not in answer.text.replace(session, "")
    usage = (await client.get(f"/v1/sessions/{session}")).json()["usage_stats"]
    assert (usage["records_accessed"], usage["bytes"], usage["queries"]) == (0, 0, 0)


async def test_an_aggregate_of_no_records_has_its_bytes_counted(client, opened):
    session = await opened(max_bytes=30)
    for expected in (200, 403):
        pipeline = [{"$group": {"_id": None, "n": {"$sum": 1}}}]
        answer = await client.post(f"/v1/sessions/{session}/aggregate", json={"pipeline": pipeline})
        assert answer.status_code == expected


@pytest.mark.parametrize("way", [PAGE, FILTER, AGGREGATE, TRANSFORM, NDJSON])
@pytest.mark.parametrize(("limit", "fits"), [({"max_records": 35}, 3), ({"max_queries": 3}, 3)])
async def test_quotas_are_exact_for_many_at_once(client, opened, way, limit, fits):
    session = await opened(**limit)
    answers = await asyncio.gather(*(ask(client, session, way) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * fits + [403] * (12 - fits)
    assert {quota(answer) for answer in answers if answer.status_code == 403} == {("quota_exceeded", *limit)}
    usage = (await client.get(f"/v1/sessions/{session}")).json()["usage_stats"]
    assert (usage["records_accessed"], usage["queries"]) == (10 * fits, fits)


async def test_a_bulk_answer_ends_short_where_its_quota_does(site, opened):
    stream = await Streamed(site, await opened(max_records=25), ARROW, batch_size=10).ended()
    assert (stream.whole, len(stream.records)) == (False, 20)


async def test_attempts_of_one_request_are_one_request(client, opened):
    session = await opened(rate_limit={"limit": 12, "period": "1h"}, max_queries=6)
    answers = await asyncio.gather(*(ask(client, session, PAGE) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [403] * 6


# ---------------------------------------------------------------------------- of an organisation


@pytest.mark.parametrize("way", [PAGE, FILTER, AGGREGATE, TRANSFORM, NDJSON])
async def test_another_session_gives_nothing_more(client, way):
    policy = await make_policy(client, per_organisation={"max_records": 15})
    dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
    one, other = await open_session(client, dataset), await open_session(client, dataset)
    shared = (await client.get(f"/v1/sessions/{one}")).json()["obligations"]["per_organisation"]
    assert (shared["dataset"]["max_records"], shared["holder"]["max_records"]) == (15, None)
    assert (await ask(client, one, PAGE)).status_code == 200
    answer = await ask(client, other, way)
    spent = {"quota": "max_records", "limit": 15, "used": 10, "left": 5, "scope": "dataset", "resets_at": None}
    assert (answer.status_code, answer.json()["error"]["details"]) == (403, spent)


async def test_a_rate_of_an_organisation_refuses_as_documented_and_names_itself(client, opened):
    one = await opened(per_organisation={"rate_limit": {"limit": 2, "period": "2w"}})
    dataset = (await client.get(f"/v1/sessions/{one}")).json()["dataset_id"]
    other = await open_session(client, dataset)
    assert [(await ask(client, each, PAGE)).status_code for each in (one, other)] == [200, 200]
    answer = await ask(client, one, PAGE)
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert (error["message"], sorted(error["details"])) == ("Rate limit exceeded", ["limit", "period", "reset_at"])
    assert (error["details"]["limit"], error["details"]["period"]) == (2, "2w")
    assert 1 <= int(answer.headers["retry-after"]) <= 14 * 86_400
    assert answer.headers["ratelimit-policy"] == '"dataset";q=2;w=1209600'
    assert answer.headers["x-ratelimit-remaining"] == "0"
