"""Tokens: the same for a value on every path, found by filters as they are seen, followed back by the holder."""

import io
import re
import sqlite3
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from xase_server.ports import StorageUnavailable

ROWS: list[dict[str, Any]] = [
    {
        "record_id": f"rec_{number:03d}",
        "patient_id": f"p{number % 5}",
        "visits": [{"doctor": f"d{each}"} for each in range(number % 3)],
        "born": {"$date": f"19{50 + number % 5}-01-01T00:00:00Z"},
        "plain": number,
        "other": f"p{number % 5}",
    }
    for number in range(30)
]
TRANSFORMS = {
    "patient_id": {"op": "tokenize", "domain": "dataset"},
    "visits.doctor": {"op": "tokenize"},
    "born": {"op": "tokenize"},
}
TOKEN = re.compile("tok_[0-9a-f]{32}")


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def lab(site):
    async with site.client(site.mint(role="ai_lab", organisation="org_three")) as lab:
        yield lab


@pytest.fixture(scope="module")
async def dataset(site):
    async with site.client() as holder:
        policy = await make_policy(holder, transforms=TRANSFORMS, entity_key="patient_id", min_group_size=2)
        return (await make_dataset(holder, ROWS, policy_id=policy))["dataset_id"]


@pytest.fixture(scope="module")
async def places(lab, dataset):
    return [f"/v1/sessions/{await open_session(lab, dataset)}" for _ in range(2)]


async def found(client, session, **wanted) -> list[dict[str, Any]]:
    answer = await client.post(f"{session}/filter", json={"limit": 1000, **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


async def test_equal_values_are_read_as_equal_tokens(lab, places):
    records = await found(lab, places[0])
    by_value: dict[str, set[str]] = {}
    for record, raw in zip(records, ROWS, strict=True):
        by_value.setdefault(raw["patient_id"], set()).add(record["patient_id"])
        assert TOKEN.fullmatch(record["born"])
        assert [len(each["doctor"]) for each in record["visits"]] == [36] * len(raw["visits"])
        assert (record["plain"], record["other"]) == (raw["plain"], raw["other"])
    assert sorted(map(len, by_value.values())) == [1] * 5
    assert len(set.union(*by_value.values())) == 5


async def test_sessions_share_the_tokens_of_the_dataset_alone(lab, places):
    one, other = [await found(lab, session) for session in places]
    assert [each["patient_id"] for each in one] == [each["patient_id"] for each in other]
    assert {each["born"] for each in one}.isdisjoint(each["born"] for each in other)


async def test_every_way_of_reading_shows_the_same_tokens(lab, places):
    records = await found(lab, places[0])
    alone = (await lab.get(f"{places[0]}/records/rec_007")).json()
    assert alone["patient_id"] == records[7]["patient_id"]
    arrow = await lab.get(f"{places[0]}/stream", headers={"accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all()
    assert table.column("patient_id").to_pylist() == [each["patient_id"] for each in records]
    assert table.column("born").to_pylist() == [each["born"] for each in records]


async def test_a_filter_finds_what_is_seen_and_a_raw_value_finds_nothing(lab, places):
    token = (await found(lab, places[0]))[3]["patient_id"]
    assert [each["plain"] for each in await found(lab, places[0], filter={"patient_id": token})] == [
        3,
        8,
        13,
        18,
        23,
        28,
    ]
    assert await found(lab, places[0], filter={"patient_id": "p3"}) == []
    assert len(await found(lab, places[0], filter={"patient_id": {"$in": ["p1", token]}})) == 6
    assert await found(lab, places[0], filter={"patient_id": {"$regex": "^p"}}) == []


def kept(site) -> int:
    """How many places the map has."""
    with closing(sqlite3.connect(site.app.core.home.path / "xase.db")) as database:
        ((count,),) = database.execute("SELECT count(*) FROM tokens")
    return int(count)


async def test_a_literal_makes_no_token(lab, places, site):
    await found(lab, places[0], filter={"patient_id": "nobody"}, sort={"born": 1})
    before = kept(site)
    for filter in ({"patient_id": "nobody else"}, {"visits.doctor": "d9"}, {"patient_id": {"$in": ["a", "b"]}}):
        assert await found(lab, places[0], filter=filter) == []
    assert kept(site) == before


async def test_subjects_are_counted_by_their_tokens(lab, places):
    pipeline: Any = [{"$group": {"_id": {"$gte": ["$plain", 15]}, "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    answer = await lab.post(f"{places[0]}/aggregate", json={"pipeline": pipeline})
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"] == [{"_id": False, "n": 15}, {"_id": True, "n": 15}]


async def asked(client, session, transformation, **parameters) -> list[dict[str, Any]]:
    body = {"record_ids": ["rec_001", "rec_006"], "transformation": transformation, "parameters": parameters}
    answer = await client.post(f"{session}/transform", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["algorithm"] == ("random-128" if transformation == "tokenize" else "HMAC-SHA256")
    assert re.fullmatch("[0-9a-f]{16}", answer.json()["key_id"])
    records: list[dict[str, Any]] = answer.json()["transformed_records"]
    return records


@pytest.mark.parametrize("domain", ["grant", "dataset"])
async def test_tokens_on_request_do_not_look_up_what_the_policy_hides(lab, places, domain):
    """`other` has the values of `patient_id`: were its tokens the same, they would tell whose is whose."""
    one, two = await asked(lab, places[0], "tokenize", fields=["other"], domain=domain)
    assert one["other"] == two["other"]
    assert TOKEN.fullmatch(one["other"])
    assert one["patient_id"] == two["patient_id"] != one["other"]
    again, _ = await asked(lab, places[0], "tokenize", fields=["other"], domain=domain)
    assert again["other"] == one["other"]


@pytest.mark.parametrize("op", ["hash", "date_shift"])
async def test_no_transform_on_request_looks_up_what_the_policy_hides(lab, site, op):
    own = {"subject": "other", "max_days": 36_500} if op == "date_shift" else {}  # alike by chance once in 73,000
    hidden, seen = ("born", "again") if op == "date_shift" else ("patient_id", "other")
    rows = [row | {"again": row["born"]} for row in ROWS]
    async with site.client() as holder:
        policy = await make_policy(holder, transforms={hidden: {"op": op, **own}})
        dataset = (await make_dataset(holder, rows, policy_id=policy))["dataset_id"]
    session = f"/v1/sessions/{await open_session(lab, dataset)}"
    records = await asked(lab, session, op, fields=[seen], **own)
    assert all(each[hidden] != each[seen] for each in records)


def releases(site) -> int:
    return int(site.app.core.storage.read(lambda reads: reads.head()).size)


@pytest.mark.parametrize("way", ["page", "record", "filter", "bulk", "transform"])
async def test_what_has_no_token_yet_does_not_leave_when_the_map_cannot_be_written(lab, site, way, monkeypatch):
    async with site.client() as holder:
        policy = await make_policy(holder, transforms={"patient_id": {"op": "tokenize"}})
        fresh = (await make_dataset(holder, ROWS, policy_id=policy))["dataset_id"]
    session = f"/v1/sessions/{await open_session(lab, fresh)}"
    asked = {"record_ids": ["rec_001"], "transformation": "drop", "parameters": {"fields": ["plain"]}}
    ways = {
        "page": ("GET", "/stream", {}),
        "record": ("GET", "/records/rec_001", {}),
        "filter": ("POST", "/filter", {"json": {"filter": {"patient_id": {"$gt": ""}}}}),
        "bulk": ("GET", "/stream", {"headers": {"accept": "application/vnd.apache.arrow.stream"}}),
        "transform": ("POST", "/transform", {"json": asked}),
    }

    def fail(rows):
        raise StorageUnavailable("the disk is full")

    method, path, request = ways[way]
    before = releases(site)
    with monkeypatch.context() as broken:
        broken.setattr(site.app.core.storage, "keep_tokens", fail)
        answer = await lab.request(method, f"{session}{path}", **request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), answer.text
    assert releases(site) == before
    again = await lab.request(method, f"{session}{path}", **request)
    assert again.status_code == 200


# ---------------------------------------------------------------- the holder


async def reverse(client, dataset, tokens, reason="a finding", **headers):
    body = {"tokens": list(tokens), "reason": reason}
    return await client.post(f"/v1/datasets/{dataset}/detokenize", json=body, headers=headers)


async def test_the_holder_follows_tokens_back(client, lab, places, dataset):
    record = (await found(lab, places[0]))[8]
    answer = (await reverse(client, dataset, [record["patient_id"], record["born"], "p3", record["born"]])).json()
    session = places[0].rpartition("/")[2]
    assert answer["reversed"] == [
        {"token": record["patient_id"], "value": "p3", "session_id": None},
        {"token": record["born"], "value": "1953-01-01T00:00:00.000Z", "session_id": session},
    ]
    assert answer["unknown"] == ["p3"]
    assert answer["dataset_id"] == dataset


async def test_tokens_on_request_are_followed_back_as_well(client, lab, places, dataset):
    one, two = await asked(lab, places[0], "tokenize", fields=["other", "plain"])
    answer = (await reverse(client, dataset, [one["other"], one["plain"], two["plain"]])).json()
    assert [each["value"] for each in answer["reversed"]] == ["p1", "1", "6"]


async def test_each_reversal_is_an_entry_that_names_no_token_and_no_value(client, lab, places, dataset):
    token = (await found(lab, places[0]))[0]["patient_id"]
    made = (await reverse(client, dataset, [token, "nonsense"], reason="because of p0")).json()
    proof = (await client.get(f"/v1/evidence/{made['reversal_id']}")).json()
    assert proof["entry"]["type"] == "tokens_reversed"
    assert proof["entry"]["body"] == {"dataset_id": dataset, "token_count": 2, "reversed_count": 1}
    disclosed = {name: part["value"] for name, part in proof["disclosed"].items()}
    assert disclosed["tokens"] == [token, "nonsense"]
    assert disclosed["reason"] == "because of p0"
    assert disclosed["principal"]


async def test_a_repetition_tells_again_and_adds_no_entry(client, lab, places, dataset):
    token = (await found(lab, places[0]))[0]["patient_id"]
    first = await reverse(client, dataset, [token], **{"idempotency-key": "reverse-once"})
    again = await reverse(client, dataset, [token], **{"idempotency-key": "reverse-once"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    other = await reverse(client, dataset, [token], reason="another", **{"idempotency-key": "reverse-once"})
    assert other.status_code == 422


async def test_nobody_but_the_holder_follows_a_token_back(lab, places, dataset, site):
    token = (await found(lab, places[0]))[0]["patient_id"]
    assert (await reverse(lab, dataset, [token])).status_code == 403
    for organisation in ("org_two", "org_three"):
        async with site.client(site.mint(role="data_holder", organisation=organisation)) as other:
            answer = await reverse(other, dataset, [token])
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_a_token_of_another_dataset_is_unknown(client, lab, places):
    token = (await found(lab, places[0]))[0]["patient_id"]
    other = (await make_dataset(client, ROWS))["dataset_id"]
    answer = (await reverse(client, other, [token])).json()
    assert (answer["reversed"], answer["unknown"]) == ([], [token])


# ---------------------------------------------------------------- erased


async def erase(client, dataset, headers=None, **wish):
    body = {"reason": "to be forgotten"} | wish
    return await client.post(f"/v1/datasets/{dataset}/tokens/erase", json=body, headers=headers)


@pytest.fixture
async def known(client, lab):
    """A dataset of its own, for others' values are remembered, and two sessions on it."""
    policy = await make_policy(client, transforms=TRANSFORMS)
    dataset = (await make_dataset(client, ROWS, policy_id=policy))["dataset_id"]
    return dataset, [f"/v1/sessions/{await open_session(lab, dataset)}" for _ in range(2)]


async def test_a_token_that_was_erased_stands_for_nothing(client, lab, known):
    dataset, places = known
    records = await found(lab, places[0])
    one, other = records[21]["patient_id"], records[22]["patient_id"]
    made = (await erase(client, dataset, tokens=[one, "tok_none"])).json()
    assert (made["dataset_id"], made["erased"], made["unknown"]) == (dataset, [one], ["tok_none"])
    answer = (await reverse(client, dataset, [one, other])).json()
    assert ([each["token"] for each in answer["reversed"]], answer["unknown"]) == ([other], [one])
    proof = (await client.get(f"/v1/evidence/{made['erasure_id']}")).json()
    assert (proof["entry"]["type"], proof["entry"]["body"]) == (
        "tokens_erased",
        {"dataset_id": dataset, "erased_count": 1},
    )


async def test_all_tokens_of_a_value_are_erased_in_whichever_session(client, lab, known):
    dataset, places = known
    seen = [(await found(lab, place))[1] for place in places]
    dates = [each["born"] for each in seen]
    asked_for = (await asked(lab, places[1], "tokenize", fields=["other"]))[0]["other"]
    tokens = {*dates, seen[0]["patient_id"], asked_for}
    assert len(tokens) == 4, "one of each session, one that both share, and one that was asked for"
    values = {each["value"] for each in (await reverse(client, dataset, tokens)).json()["reversed"]}
    assert values == {"1951-01-01T00:00:00.000Z", "p1"}
    again = {"idempotency-key": "forget-once"}
    made = await erase(client, dataset, again, values=sorted(values))
    assert set(made.json()["erased"]) == tokens
    assert set((await reverse(client, dataset, tokens)).json()["unknown"]) == tokens
    repeated = await erase(client, dataset, again, values=sorted(values))
    assert (repeated.json(), repeated.headers["idempotency-replayed"]) == (made.json(), "true")
    proof = (await client.get(f"/v1/evidence/{made.json()['erasure_id']}")).json()
    assert "1951-01-01" not in str(proof)
    assert (await erase(client, dataset, values=sorted(values))).json()["erased"] == []


async def test_only_the_holder_erases_and_says_what(site, client, lab, dataset):
    assert (await erase(lab, dataset, values=["p0"])).status_code == 403
    async with site.client(site.mint(role="data_holder", organisation="org_two")) as other:
        assert (await erase(other, dataset, values=["p0"])).status_code == 404
    for wish in ({}, {"tokens": ["tok_"], "values": ["p0"]}):
        answer = await erase(client, dataset, **wish)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "tokens")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"tokens": [], "reason": "r"}, "tokens"),
        ({"tokens": ["tok_"], "reason": ""}, "reason"),
        ({"tokens": ["tok_"]}, "reason"),
        ({"tokens": ["t"] * 1001, "reason": "r"}, "tokens"),
    ],
)
async def test_a_request_without_tokens_or_a_reason_is_refused(client, dataset, body, named):
    answer = await client.post(f"/v1/datasets/{dataset}/detokenize", json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["error"]["details"]] == [named]


async def test_another_server_on_the_store_shows_the_same_tokens(lab, places, site, open_site):
    before = await found(lab, places[0])
    secret = lab.headers["authorization"].removeprefix("Bearer ")
    other = open_site(home=site.app.core.home.path, rate_limit=0)
    async with other.client(secret) as client:
        assert await found(client, places[0]) == before
    await other.app.close()


async def test_the_store_knows_no_value(site, lab, dataset):
    raw = [dict(row, patient_id=f"very-secret-{row['plain']}") for row in ROWS]
    async with site.client() as holder:
        policy = await make_policy(holder, transforms={"patient_id": {"op": "tokenize"}})
        fresh = (await make_dataset(holder, raw, policy_id=policy))["dataset_id"]
    await found(lab, f"/v1/sessions/{await open_session(lab, fresh)}", filter={"patient_id": {"$gt": ""}})
    for file in site.app.core.home.path.glob("xase.db*"):
        assert b"very-secret" not in file.read_bytes()
