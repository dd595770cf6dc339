"""How models have been deciding: exact counts, overrides, confidence and drift."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import DECISION
from xase_server.services.metrics import BUCKETS, stability_index

CONFIDENCES = [0.0, 0.05, 0.1, 0.94, 0.949, 0.95, 1.0, 1.0]


async def record(client, model, confidence):
    sent = {**DECISION, "model_id": model, "confidence": confidence}
    if confidence is None:
        del sent["confidence"]
    return (await client.post("/v1/records", json=sent)).json()["id"]


async def act(client, identifier, action):
    wish = {"action": action, "reason": "seen"} | ({"new_outcome": {"a": 1}} if action == "OVERRIDE" else {})
    await client.post(f"/v1/records/{identifier}/interventions", json=wish)


async def test_a_period_is_counted_exactly(client):
    ids = [await record(client, "counted", confidence) for confidence in [*CONFIDENCES, None]]
    await record(client, "another", 0.5)
    for identifier, action in [(0, "OVERRIDE"), (0, "OVERRIDE"), (1, "OVERRIDE"), (1, "APPROVED"), (2, "ESCALATED")]:
        await act(client, ids[identifier], action)
    answer = (await client.get("/v1/metrics/decisions?model_id=counted&period=1h")).json()
    period = answer["period"]
    assert (period["decisions"], period["intervened"]) == (9, 3)
    assert period["interventions"] == {"APPROVED": 1, "REJECTED": 0, "OVERRIDE": 2, "ESCALATED": 1}
    assert period["override_rate"] == 2 / 9
    assert [bucket["count"] for bucket in period["confidence"]] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 5]
    assert (answer["previous"]["decisions"], answer["drift"]["population_stability_index"]) == (0, None)
    assert answer["previous"]["until"] == period["from"]


async def test_another_organisation_sees_nothing(client, stranger):
    await record(client, "private", 0.5)
    assert (await stranger.get("/v1/metrics/decisions?model_id=private")).json()["period"]["decisions"] == 0


@pytest.mark.parametrize("period", ["0", "0d", "-1d", "forever", "999999w", ""])
async def test_a_senseless_period_is_named(client, period):
    answer = await client.get("/v1/metrics/decisions", params={"period": period})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "period"


histograms = st.lists(st.integers(0, 1000), min_size=BUCKETS, max_size=BUCKETS)


@given(histograms, histograms)
def test_drift_is_symmetric_and_never_negative(one, other):
    index = stability_index(one, other)
    if index is not None:
        assert index >= 0
        assert index == pytest.approx(stability_index(other, one))


def test_drift_grows_with_the_distance():
    rest = [0] * (BUCKETS - 2)
    steps = [stability_index([100, 0, *rest], [100 - moved, moved, *rest]) or 0 for moved in (0, 10, 50, 100)]
    assert steps == sorted(steps)
    assert steps[0] == 0 < steps[1]
