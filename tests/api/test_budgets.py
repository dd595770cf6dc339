"""Differential privacy over HTTP: noisy answers, what they cost, and what there is no other way to."""

import asyncio
from typing import Any

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session

EPSILON = 0.5
TERMS: dict[str, Any] = {
    "entity_key": "patient",
    "epsilon_total": 2,
    "epsilon_per_query": EPSILON,
    "bounds": {"age": [0, 100]},
}
ROWS = [
    {"record_id": f"r{number}", "patient": f"p{number // 2}", "age": 40, "sex": "mf"[number // 2 % 2]}
    for number in range(400)
]
PIPELINE = [
    {"$match": {"sex": {"$in": ["m", "f", "x"]}}},
    {"$group": {"_id": "$sex", "n": {"$sum": 1}, "age": {"$avg": "$age"}}},
]
TAIL = 28 / EPSILON * 3
"""Noise of three measures lies beyond this with a probability below 1e-12."""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


async def opened(client, **terms: Any) -> tuple[str, str]:
    """A dataset under a privacy budget of its own and a session on it: their addresses."""
    policy = await make_policy(client, **(TERMS | terms))
    dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
    return f"/v1/datasets/{dataset}", f"/v1/sessions/{await open_session(client, dataset)}"


async def asked(client, session: str, pipeline: list[Any] = PIPELINE):
    return await client.post(f"{session}/aggregate", json={"pipeline": pipeline})


async def test_an_answer_bears_noise_and_says_what_it_costs(client):
    _, session = await opened(client)
    answer = (await asked(client, session)).json()
    assert (answer["epsilon"], answer["epsilon_spent"], answer["epsilon_left"]) == (0.5, 0.5, 1.5)
    found = {row["_id"]: row for row in answer["results"]}
    assert list(found) == ["m", "f", "x"]
    assert all(abs(found[key]["n"] - true) < TAIL for key, true in {"m": 100, "f": 100, "x": 0}.items())
    assert all(0 <= row["age"] <= 100 for row in found.values())


async def test_the_same_question_again_is_answered_anew_and_costs_again(client):
    _, session = await opened(client)
    headers = {"idempotency-key": "the-same"}
    answers = [
        (await client.post(f"{session}/aggregate", json={"pipeline": PIPELINE}, headers=headers)).json()
        for _ in range(3)
    ]
    assert [each["epsilon_left"] for each in answers] == [1.5, 1.0, 0.5]
    assert len({str(each["results"]) for each in answers}) > 1


async def test_when_the_budget_is_used_up_nothing_more_is_answered_or_spent(client):
    dataset, session = await opened(client, epsilon_total=1.2)
    assert [(await asked(client, session)).status_code for _ in range(3)] == [200, 200, 403]
    refused = (await asked(client, session)).json()["error"]
    assert refused["type"] == "budget_exhausted"
    assert refused["details"] == {
        "limit": "epsilon_total",
        "epsilon_total": 1.2,
        "epsilon_needed": 0.5,
        "epsilon_left": 0.2,
        "resets_at": None,
    }
    assert (await client.get(f"{dataset}/budget")).json()["epsilon_spent"] == 1.0
    events = (await client.get(f"{session}/events")).json()["data"]
    assert [each["body"]["epsilon_spent"] for each in events if each["type"] == "aggregate"] == ["0.5", "1"]


async def test_many_at_once_spend_no_more_than_there_is(client):
    dataset, session = await opened(client, epsilon_total=3)
    answers = await asyncio.gather(*(asked(client, session) for _ in range(12)))
    assert sorted(each.status_code for each in answers) == [200] * 6 + [403] * 6
    assert {each.json()["error"]["type"] for each in answers if each.status_code == 403} == {"budget_exhausted"}
    spent = (each.json()["epsilon_spent"] for each in answers if each.status_code == 200)
    assert sorted(spent) == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert (await client.get(f"{dataset}/budget")).json()["epsilon_left"] == 0


async def test_all_organisations_sessions_and_versions_share_one_budget(client, site):
    dataset, session = await opened(client)
    async with site.client(site.stranger) as other:
        theirs = f"/v1/sessions/{await open_session(other, dataset.rpartition('/')[2])}"
        assert (await asked(client, session)).json()["epsilon_spent"] == 0.5
        assert (await asked(other, theirs)).json()["epsilon_spent"] == 1.0
        sent = await client.put(
            f"{dataset}/data",
            content='{"record_id": "r", "patient": "p", "age": 1, "sex": "m"}',
            headers={"content-type": "application/x-ndjson"},
        )
        assert sent.json()["version"] == 2
        later = f"/v1/sessions/{await open_session(other, dataset.rpartition('/')[2])}"
        assert (await asked(other, later)).json()["epsilon_spent"] == 1.5
        assert (await other.get(f"{dataset}/budget")).status_code == 404
    shown = (await client.get(f"{dataset}/budget")).json()
    assert {each["queries"]: each["epsilon_spent"] for each in shown["organisations"]} == {1: 0.5, 2: 1.0}
    assert (shown["epsilon_total"], shown["epsilon_spent"], shown["epsilon_left"]) == (2.0, 1.5, 0.5)


async def test_a_higher_total_is_for_new_sessions_and_goes_on_from_what_was_spent(client):
    policy = await make_policy(client, **(TERMS | {"epsilon_total": 0.5}))
    dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
    before = f"/v1/sessions/{await open_session(client, dataset)}"
    assert (await asked(client, before)).json()["epsilon_left"] == 0
    document = (await client.get(f"/v1/policies/{policy}")).json()["document"]
    document["rules"][0]["constrain"]["epsilon_total"] = 1.5
    assert (await client.put(f"/v1/policies/{policy}", json=document)).status_code == 200
    assert (await asked(client, before)).status_code == 403
    after = f"/v1/sessions/{await open_session(client, dataset)}"
    assert (await asked(client, after)).json()["epsilon_left"] == 0.5


async def test_a_guardrail_may_give_less_and_says_so_in_the_budget(client):
    dataset, session = await opened(client)
    guard = await make_policy(client, **(TERMS | {"epsilon_total": 0.7, "max_contributions": 2}))
    try:
        assert (await client.put("/v1/guardrails", json={"policy_ids": [guard]})).status_code == 200
        assert (await client.get(f"{dataset}/budget")).json()["epsilon_total"] == 0.7
        assert (await asked(client, session)).json()["epsilon_left"] == 0.2
        assert (await asked(client, session)).status_code == 403
        other = await make_policy(client, min_group_size=5)
        assert (await client.put("/v1/guardrails", json={"policy_ids": [other]})).status_code == 200
        assert (await asked(client, session)).json()["error"]["details"]["violations"][0]["rule"] == "conflict"
    finally:
        await client.put("/v1/guardrails", json={"policy_ids": []})


async def test_a_dataset_without_a_budget_has_spent_nothing(client):
    dataset = await make_dataset(client, ROWS)
    assert (await client.get(f"/v1/datasets/{dataset['name']}/budget")).json() == {
        "dataset_id": dataset["dataset_id"],
        "epsilon_total": None,
        "epsilon_spent": 0.0,
        "epsilon_left": None,
        "organisations": [],
    }


async def every_other_way(client, session: str) -> list[int]:
    transform = {"record_ids": ["r1"], "transformation": "hash", "parameters": {"fields": ["sex"]}}
    arrow = {"accept": "application/vnd.apache.arrow.stream"}
    return [
        (await client.get(f"{session}/stream")).status_code,
        (await client.get(f"{session}/stream", headers=arrow)).status_code,
        (await client.get(f"{session}/records/r1")).status_code,
        (await client.post(f"{session}/filter", json={"filter": {}})).status_code,
        (await client.post(f"{session}/transform", json=transform)).status_code,
    ]


async def test_there_is_no_other_way_to_the_rows_unless_the_policy_names_it(client):
    _, closed = await opened(client)
    assert await every_other_way(client, closed) == [403] * 5
    _, open_ = await opened(client, when={"actions": ["aggregate", "stream", "filter", "get_record", "transform"]})
    assert await every_other_way(client, open_) == [200] * 5


async def test_a_refused_question_costs_nothing(client):
    dataset, session = await opened(client)
    refused = await asked(client, session, [{"$group": {"_id": "$sex", "n": {"$sum": 1}}}])
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_query")
    assert (await client.get(f"{dataset}/budget")).json()["epsilon_spent"] == 0


async def test_the_session_says_what_answers_cost_and_what_bounds_them(client):
    _, session = await opened(client)
    obligations = (await client.get(session)).json()["obligations"]
    assert obligations["actions"] == ["aggregate", "operations"]
    assert obligations["privacy"] == {
        "epsilon_total": 2.0,
        "epsilon_per_query": 0.5,
        "max_contributions": 1,
        "bounds": {"age": [0.0, 100.0]},
    }


async def test_without_opendp_a_policy_is_refused_and_so_is_every_answer(client, site, monkeypatch):
    _, session = await opened(client)
    monkeypatch.setattr(site.app.services.policies, "_noise", False)
    monkeypatch.setattr(site.app.services.aggregation._private, "_noise", None)
    rule = {"id": "all", "effect": "permit", "constrain": TERMS}
    refused = await client.post("/v1/policies", json={"name": "Noisy", "rules": [rule]})
    (fault,) = refused.json()["error"]["details"]
    assert (refused.status_code, fault["field"]) == (400, "rules.0.constrain.epsilon_total")
    assert "extra dp" in fault["message"]
    answer = await asked(client, session)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")


async def test_a_policy_that_does_not_fit_the_data_is_refused(client):
    policy = await make_policy(client, **(TERMS | {"bounds": {"sex": [0, 1]}}))
    dataset = await make_dataset(client, ROWS)
    refused = await client.patch(f"/v1/datasets/{dataset['dataset_id']}", json={"policy_id": policy})
    assert refused.status_code == 400
    assert "one number" in refused.text


async def test_a_whole_dataset_of_record_ids_can_be_asked(client):
    _, session = await opened(client, entity_key="record_id")
    answer = (await asked(client, session, [{"$group": {"_id": None, "n": {"$count": {}}}}])).json()
    ((_, total),) = (tuple(row.values()) for row in answer["results"])
    assert abs(total - len(ROWS)) < TAIL
