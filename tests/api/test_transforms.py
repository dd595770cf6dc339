"""Policies with transforms: a lab sees changed values in whatever it asks, the holder's conditions see raw ones."""

import io
import json
from typing import Any

import pyarrow as pa
import pytest

from tests.api.sessions import make_dataset, make_policy, open_session

ROWS: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number:04d}",
        "patient_id": f"p{number % 8}",
        "name": f"Name {number}",
        "age": 30 + number % 60,
        "zip": f"101{number % 90:02d}",
        "admitted": {"$date": f"2024-03-{1 + number % 28:02d}T08:00:00Z"},
        "labs": [{"code": f"L{number % 3}", "value": number}],
        "site": {"ward": f"w{number % 4}", "phone": f"030-{number:07d}"},
        "plain": number,
    }
    for number in range(120)
]
TRANSFORMS = {
    "patient_id": {"op": "hash"},
    "name": {"op": "redact"},
    "age": {"op": "generalize", "width": 10, "top": 80},
    "zip": {"op": "drop"},
    "admitted": {"op": "date_shift", "subject": "patient_id", "max_days": 50},
    "labs.code": {"op": "mask"},
    "site.phone": {"op": "mask", "keep_last": 2},
}
WITHIN = [row for row in ROWS if row["age"] >= 40]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def places(site):
    async with site.client() as client:
        policy = await make_policy(client, transforms=TRANSFORMS, row_filter={"age": {"$gte": 40}})
        dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
        return [f"/v1/sessions/{await open_session(client, dataset)}" for _ in range(2)]


async def found(client, session, **wanted) -> list[dict[str, Any]]:
    answer = await client.post(f"{session}/filter", json={"limit": 1000, **wanted})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total_matched"] == answer.json()["record_count"]
    return answer.json()["records"]


def band(age: int) -> str:
    return "80+" if age >= 80 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


def ids(records) -> list[str]:
    return [each["record_id"] for each in records]


async def test_what_is_read_is_changed(client, places):
    records = await found(client, places[0])
    assert ids(records) == ids(WITHIN)
    for record, raw in zip(records, WITHIN, strict=True):
        assert record.keys() == raw.keys() - {"zip"}
        assert (record["name"], record["age"], record["plain"]) == ("[REDACTED]", band(raw["age"]), raw["plain"])
        assert record["labs"] == [{"code": "**", "value": raw["plain"]}]
        assert record["site"] == {"ward": raw["site"]["ward"], "phone": "*" * 9 + raw["site"]["phone"][-2:]}
        assert len(record["patient_id"]) == 64
        assert record["admitted"] != raw["admitted"]["$date"].replace("Z", ".000Z")
    assert len({record["patient_id"] for record in records}) == 8


async def test_two_grants_cannot_join(client, places):
    one, other = [await found(client, session) for session in places]
    assert not {each["patient_id"] for each in one} & {each["patient_id"] for each in other}
    assert [each["admitted"] for each in one] == [each["admitted"] for each in other]


async def test_every_way_gives_the_same_values(client, places):
    wanted = await found(client, places[0])
    page = (await client.get(f"{places[0]}/stream", params={"batch_size": 100})).json()["batch"]
    assert page == wanted[: len(page)]
    one = await client.get(f"{places[0]}/records/{wanted[5]['record_id']}")
    assert one.json() == wanted[5]
    lines = await client.get(f"{places[0]}/stream", headers={"accept": "application/x-ndjson"})
    assert [json.loads(line) for line in lines.text.splitlines()] == wanted
    arrow = await client.get(f"{places[0]}/stream", headers={"accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all()
    assert table.column("age").to_pylist() == [each["age"] for each in wanted]
    assert "zip" not in table.column_names


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        ({"age": "40-49"}, lambda row: band(row["age"]) == "40-49"),
        (
            {"age": {"$in": ["80+", "50-59"]}, "plain": {"$gt": 40}},
            lambda row: band(row["age"]) in {"80+", "50-59"} and row["plain"] > 40,
        ),
        ({"age": 45}, lambda row: False),
        ({"age": {"$gt": 45}}, lambda row: False),
        ({"name": "Name 45"}, lambda row: False),
        ({"name": "[REDACTED]"}, lambda row: True),
        ({"labs.code": "**"}, lambda row: True),
        ({"labs": {"$elemMatch": {"code": "L1"}}}, lambda row: False),
        ({"site.phone": {"$regex": "15$"}}, lambda row: row["site"]["phone"].endswith("15")),
        ({"site.phone": {"$regex": "^030"}}, lambda row: False),
        ({"plain": {"$lt": 50}}, lambda row: row["plain"] < 50),
    ],
)
async def test_a_filter_sees_changed_values_within_the_holders_rows(client, places, filter, holds):
    assert ids(await found(client, places[0], filter=filter)) == ids(filter_(holds))


def filter_(holds):
    return [row for row in WITHIN if holds(row)]


async def test_a_filter_on_a_hash_finds_the_hash(client, places):
    records = await found(client, places[0])
    wanted = records[0]["patient_id"]
    same = await found(client, places[0], filter={"patient_id": wanted})
    assert ids(same) == [each["record_id"] for each in records if each["patient_id"] == wanted]
    assert await found(client, places[0], filter={"patient_id": "p0"}) == []


async def test_an_order_is_of_changed_values(client, places):
    records = await found(client, places[0], sort={"age": -1})
    assert ids(records) == ids(sorted(WITHIN, key=lambda row: band(row["age"]), reverse=True))
    assert [each["age"] for each in records] == sorted((band(row["age"]) for row in WITHIN), reverse=True)


async def test_groups_are_of_changed_values(client, places):
    pipeline = [{"$group": {"_id": "$age", "n": {"$sum": 1}, "most": {"$max": "$plain"}}}, {"$sort": {"_id": 1}}]
    answer = await client.post(f"{places[0]}/aggregate", json={"pipeline": pipeline})
    bands = sorted({band(row["age"]) for row in WITHIN})
    assert answer.json()["results"] == [
        {
            "_id": each,
            "n": sum(band(row["age"]) == each for row in WITHIN),
            "most": max(row["plain"] for row in WITHIN if band(row["age"]) == each),
        }
        for each in bands
    ]


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$match": {"plain": {"$lt": 20}}}],
        [{"$sort": {"plain": 1}}, {"$limit": 3}],
        [{"$group": {"_id": None, "all": {"$push": "$$ROOT"}}}],
        [{"$project": {"site": 1, "name": 1, "age": 1}}],
        [{"$group": {"_id": "$plain", "who": {"$first": "$name"}}}],
        [{"$facet": {"a": [{"$limit": 2}], "b": [{"$group": {"_id": "$plain"}}]}}],
        [{"$addFields": {"x": "$age"}}, {"$limit": 2}],
        [{"$unwind": "$labs"}, {"$replaceRoot": {"newRoot": "$labs"}}],
    ],
)
async def test_no_pipeline_gives_a_raw_value(client, places, pipeline):
    answer = await client.post(f"{places[0]}/aggregate", json={"pipeline": pipeline})
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"]
    assert [each for each in ("Name ", '"L0"', '"L1"', "030-", '"p1"', "1014") if each in answer.text] == []


async def test_groups_of_what_is_not_changed_keep_to_the_holders_rows(client, places):
    pipeline = [{"$group": {"_id": None, "n": {"$sum": 1}, "least": {"$min": "$plain"}}}]
    answer = await client.post(f"{places[0]}/aggregate", json={"pipeline": pipeline})
    assert answer.json()["results"] == [{"_id": None, "n": len(WITHIN), "least": WITHIN[0]["plain"]}]


@pytest.mark.parametrize("name", ["zip", "nothing"])
async def test_a_dropped_field_answers_like_an_unknown_one(client, places, name):
    answer = await client.post(f"{places[0]}/filter", json={"filter": {name: "10115"}})
    other = await client.post(f"{places[0]}/filter", json={"filter": {"nothing": "10115"}})
    texts = [
        each.text.replace(each.json().get("request_id", "-"), "").replace(name, "nothing") for each in (answer, other)
    ]
    assert answer.status_code == other.status_code == 400
    assert json.loads(texts[0])["error"]["code"] == json.loads(texts[1])["error"]["code"]


async def test_a_record_outside_the_holders_rows_is_not_there(client, places):
    outside = next(row for row in ROWS if row["age"] < 40)
    assert (await client.get(f"{places[0]}/records/{outside['record_id']}")).status_code == 404


async def test_a_stricter_transform_holds_at_once(client):
    policy = await make_policy(client, transforms={"age": {"op": "generalize", "width": 10}})
    dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
    session = f"/v1/sessions/{await open_session(client, dataset)}"
    assert (await found(client, session, filter={"age": "30-39"}))[0]["age"] == "30-39"
    document = (await client.get(f"/v1/policies/{policy}")).json()
    rule = {
        "id": "all",
        "effect": "permit",
        "constrain": {"transforms": {"age": {"op": "redact"}}, "row_filter": {"age": {"$lt": 50}}},
    }
    changed = await client.put(f"/v1/policies/{policy}", json={"name": document["name"], "rules": [rule]})
    assert changed.status_code == 200, changed.text
    assert await found(client, session, filter={"age": "30-39"}) == []
    left = await found(client, session)
    assert ids(left) == ids(row for row in ROWS if row["age"] < 50)
    assert all("age" not in each for each in left)
    answer = await client.post(
        f"{session}/aggregate", json={"pipeline": [{"$group": {"_id": "$age", "n": {"$sum": 1}}}]}
    )
    assert answer.json()["results"] == [{"_id": None, "n": len(left)}]


async def test_a_policy_that_does_not_fit_the_data_is_refused(client):
    policy = await make_policy(client, transforms={"age": {"op": "generalize", "prefix": 3}})
    made = await client.post("/v1/datasets", json={"name": "unfit", "policy_id": policy})
    address = f"/v1/datasets/{made.json()['dataset_id']}/data"
    lines = "".join(json.dumps(row) + "\n" for row in ROWS[:3])
    sent = await client.put(address, content=lines, headers={"content-type": "application/x-ndjson"})
    assert "transforms.age" in sent.text
