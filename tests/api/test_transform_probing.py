"""Two datasets that differ only in what a contract hides answer every request alike, byte for byte.

Whatever a lab could find out about a hidden value, by any request, would show here as a difference.
"""

import json
import re
from typing import Any

import pytest

from tests.api.sessions import make_dataset, make_policy, open_session
from tests.api.twins import CHANGED, GONE, PLAIN, make_twins, rows, told

EVERY = (*CHANGED, *GONE, *PLAIN)
DATE = {"$date": "2024-03-04T09:00:00Z"}
OPERATORS: dict[str, list[Any]] = {
    "equal": [
        21,
        51.1,
        "20-29",
        "[REDACTED]",
        "****0",
        None,
        DATE,
        True,
        {"a": 1},
        ["t0"],
        {"$eq": "L00"},
        {"$ne": 22},
    ],
    "order": [{"$gt": 21}, {"$lte": 52}, {"$gte": "2"}, {"$lt": "[REDACTED]"}, {"$gt": DATE}, {"$gt": 21, "$lt": 23}],
    "among": [{"$in": [21, "20-29", None]}, {"$nin": ["L00", 3]}, {"$in": []}],
    "there": [{"$exists": True}, {"$exists": False}, {"$type": "string"}, {"$type": "null"}],
    "text": [{"$regex": "^B"}, {"$regex": "1", "$options": "i"}, {"$regex": "("}, {"$regex": "RED"}],
    "lists": [
        {"$size": 1},
        {"$all": ["t0"]},
        {"$elemMatch": {"code": "L00"}},
        {"$elemMatch": {"$gt": 2}},
        {"$elemMatch": {"value": {"$gt": 6}, "note": 0}},
    ],
    "not": [{"$not": {"$gt": 21}}, {"$not": {"$regex": "^0"}}],
    "numbers": [{"$mod": [2, 0]}, {"$mod": [0, 0]}, {"$bitsAllSet": 1}],
    "wrong": [{"$where": "1"}, {"$gt": {"$gt": 1}}, {"$near": 1}],
}
COMBINED: list[Any] = [
    {"$and": [{"age": {"$gt": 21}}, {"plain": {"$lt": 9}}]},
    {"$or": [{"name": "Bnnx0"}, {"plain": 3}]},
    {"$nor": [{"amount": {"$gt": 3}}, {"ward": "w1"}]},
    {"$or": [{"denied": 1}, {"plain": 3}]},
    {"$expr": {"$gt": ["$age", 21]}},
    {"$expr": {"$gt": ["$number", "$plain"]}},
    {"$expr": {"$eq": [{"$size": "$labs"}, 1]}},
    {"$expr": {"$eq": ["$$ROOT.denied", 1]}},
    {"$expr": {"$divide": [1, "$amount"]}},
    {"ward": "secret-1"},
    {"plain": {"$gte": 900}},
    {"record_id": {"$regex": "^h"}},
]
FIELDS: list[Any] = [
    ["age"], ["gone"], ["denied"], ["site"], ["site.phone"], ["labs.code", "plain"], [], ["age", "age"], ["nothing"],
    {"age": 1}, {"age": 0}, {"gone": 0}, {"denied": 1}, {"labs": {"$slice": 1}},
    {"labs": {"$elemMatch": {"code": "L00"}}}, {"x": {"$concat": ["$age", "!"]}}, {"x": "$denied"},
    {"site.inner": 0}, {"age": 1, "name": 0},
]  # fmt: skip
VALUES = ["$age", "$weight", "$seen", "$name", "$text", "$amount", "$gone", "$score", "$labs", "$labs.code", "$tags",
          "$site", "$free", "$denied", "$plain", "$$ROOT", "$number", "$nothing"]  # fmt: skip
IN_ORDER = {"$sort": {"_id": 1}}  # groups alone come in no order
PIPELINES: list[Any] = [
    *([{"$group": {"_id": value, "n": {"$sum": 1}}}, IN_ORDER] for value in VALUES),
    *(
        [{"$group": {"_id": "$ward", "x": {op: value}}}, IN_ORDER]
        for op in ("$min", "$max", "$push")
        for value in VALUES
    ),
    *(
        [{"$group": {"_id": None, "x": {op: value}}}]
        for op in ("$sum", "$avg", "$stdDevPop")
        for value in ("$age", "$amount", "$score", "$denied", "$plain", "$text")
    ),
    *(
        [{"$match": {field: value}}, {"$count": "n"}]
        for field in EVERY
        for value in (21, {"$gt": "2"}, {"$exists": True})
    ),
    *([{"$sort": {field: -1}}, {"$limit": 3}] for field in EVERY),
    *([{"$unwind": f"${field}"}, {"$count": "n"}] for field in EVERY),
    *([{"$unwind": {"path": f"${field}", "preserveNullAndEmptyArrays": True}}] for field in ("labs", "tags", "denied")),
    *([{"$project": {"x": value}}] for value in VALUES),
    *([{"$group": {"_id": 1, "x": {"$addToSet": v}}}, {"$unwind": "$x"}, {"$sort": {"x": 1}}] for v in VALUES),
    [{"$project": {"x": {"$toInt": "$age"}}}],
    [{"$project": {"x": {"$add": ["$amount", 1]}}}],
    [{"$project": {"x": {"$substrBytes": ["$name", 0, 1]}}}],
    [{"$project": {"x": {"$strLenCP": "$text"}}}],
    [{"$project": {"x": {"$year": "$seen"}}}],
    [{"$project": {"x": {"$type": "$free"}, "y": {"$type": "$denied"}}}],
    [{"$addFields": {"x": {"$cond": [{"$gt": ["$number", 1001]}, 1, 0]}}}],
    [{"$replaceRoot": {"newRoot": "$site"}}],
    [{"$replaceRoot": {"newRoot": "$labs"}}],
    [{"$facet": {"a": [{"$count": "n"}], "b": [{"$group": {"_id": "$text"}}, IN_ORDER]}}],
    [{"$bucket": {"groupBy": "$amount", "boundaries": [0, 5, 10]}}],
    [{"$sortByCount": "$age"}, IN_ORDER],
    [{"$skip": 20}],
    [{"$limit": 0}],
    [{"$lookup": {"from": "x"}}],
    [{"$count": "n"}],
]
HIDING: list[tuple[str, dict[str, Any]]] = [("redact", {}), ("mask", {}), ("drop", {})]
WIDENING: list[tuple[str, dict[str, Any]]] = [
    ("generalize", {"width": 3}),
    ("generalize", {"prefix": 1}),
    ("generalize", {"part": "year"}),
    ("bucketize", {"edges": [22]}),
]
TRANSFORMATIONS: list[tuple[str, dict[str, Any]]] = [
    *((op, {"fields": [field], **more}) for field in EVERY for op, more in HIDING),
    *((op, {"fields": [field], **more}) for field in (*CHANGED, "plain", "denied") for op, more in WIDENING),
    ("date_shift", {"fields": ["seen"], "subject": "denied", "max_days": 3}),
    ("date_shift", {"fields": ["seen"], "subject": "plain", "max_days": 3}),
    ("noise", {"fields": ["amount"], "scale": 1}),
    ("anonymize", {"fields": ["site", "labs"], "method": "redact"}),
    ("safe_harbor", {}),
    ("encrypt", {"fields": ["age"]}),
]
ACCEPTED = ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"]
LISTED: list[dict[str, Any]] = [
    {},
    {"filter": json.dumps({"age": "20-29"})},
    {"filter": json.dumps({"plain": {"$lt": 9}, "text": "[REDACTED]"}), "sort": "-name"},
    {"filter": json.dumps({"amount": {"$gt": 1}})},
    {"sort": "gone"},
    {"sort": "-age,plain", "fields": "age,labs,denied"},
    {"fields": "site,free"},
    {"filter": "{"},
]


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def lab(site):
    async with site.client(site.mint(role="ai_lab", organisation="org_three")) as lab:
        yield lab


@pytest.fixture(scope="module")
async def twins(site, lab):
    async with site.client() as holder:
        return await make_twins(holder, lab)


async def alike(lab, twins, method: str, path: str, **request: Any) -> int:
    """Both answer alike; how."""
    one, other = [told(await lab.request(method, f"{session}{path}", **request)) for session in twins]
    assert one == other, request
    assert one[0] < 500, (request, one)
    return one[0]


def test_every_row_of_the_twins_differs():
    one, other = ({each["record_id"]: each for each in rows(other=other)} for other in (False, True))
    inside = one.keys() & other.keys()
    assert len(inside) == 24
    for record_id in inside:
        differ = {name for name, value in one[record_id].items() if value != other[record_id][name]}
        assert {"weight", "seen", "zip", "score", "site", "free", "denied", "consent"} <= differ


@pytest.mark.parametrize("family", OPERATORS)
async def test_a_filter_tells_no_difference(lab, twins, family):
    answered = {
        await alike(lab, twins, "POST", "/filter", json={"filter": {field: value}})
        for field in EVERY
        for value in OPERATORS[family]
    }
    assert (200 in answered) is (family != "wrong")


async def test_combined_conditions_tell_no_difference(lab, twins):
    answered = [await alike(lab, twins, "POST", "/filter", json={"filter": each}) for each in COMBINED]
    assert 200 in answered


@pytest.mark.parametrize("direction", [1, -1])
async def test_an_order_tells_no_difference(lab, twins, direction):
    for field in EVERY:
        await alike(lab, twins, "POST", "/filter", json={"sort": {field: direction}, "limit": 7, "filter": {}})


async def test_a_choice_of_fields_tells_no_difference(lab, twins):
    answered = [await alike(lab, twins, "POST", "/filter", json={"filter": {}, "fields": each}) for each in FIELDS]
    assert 200 in answered


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("wanted", LISTED, ids=json.dumps)
async def test_a_stream_tells_no_difference(lab, twins, accept, wanted):
    await alike(lab, twins, "GET", "/stream", params=wanted, headers={"accept": accept})


@pytest.mark.parametrize("record_id", ["r00", "r03", "ha0", "hb0", "hb4", "nobody", "%00"])
async def test_a_single_record_tells_no_difference(lab, twins, record_id):
    status = await alike(lab, twins, "GET", f"/records/{record_id}")
    assert (status == 200) is record_id.startswith("r")


async def test_an_aggregation_tells_no_difference(lab, twins):
    answered = [await alike(lab, twins, "POST", "/aggregate", json={"pipeline": each}) for each in PIPELINES]
    assert answered.count(200) > len(PIPELINES) / 2


async def test_a_transformation_tells_no_difference(lab, twins):
    answered = [
        await alike(
            lab,
            twins,
            "POST",
            "/transform",
            json={"record_ids": ["r03", "r07"], "transformation": op, "parameters": more},
        )
        for op, more in TRANSFORMATIONS
    ]
    assert answered.count(200) > len(TRANSFORMATIONS) / 3


@pytest.mark.parametrize("record_ids", [["ha0"], ["r00", "hb0"], ["nobody"], ["ha0", "hb0", "nobody"]])
async def test_a_hidden_record_is_transformed_like_an_unknown_one(lab, twins, record_ids):
    body = {"record_ids": record_ids, "transformation": "drop", "parameters": {"fields": ["age"]}}
    assert await alike(lab, twins, "POST", "/transform", json=body) == 400


# ---------------------------------------------------------------- tokens

HIDDEN = ("who", "visits.doctor")
TOKENS = re.compile(rb"tok_[0-9a-f]{32}")
LITERALS: list[Any] = ["p0", "q0", 0, None, {"$in": ["p0", "q1", "p2"]}, {"$ne": "p0"}, {"$regex": "^[pq]"},
                       {"$exists": True}, {"$type": "string"}, {"$regex": "^tok_"}]  # fmt: skip
COUNTS: list[Any] = [
    [{"$group": {"_id": "$who", "n": {"$sum": 1}}}, {"$group": {"_id": "$n", "groups": {"$sum": 1}}}, IN_ORDER],
    [{"$unwind": "$visits"}, {"$sortByCount": "$visits.doctor"}, {"$project": {"_id": 0}}],
    [{"$project": {"x": {"$strLenCP": "$who"}}}],
    [{"$project": {"x": {"$eq": ["$who", "$who"]}, "y": {"$in": ["$who", ["p0", "q0"]]}}}],
    [{"$match": {"$expr": {"$eq": ["$who", {"$concat": ["p", "0"]}]}}}, {"$count": "n"}],
]


@pytest.fixture(scope="module")
async def named_twins(site, lab):
    """Sessions on two datasets that differ in the names behind tokens alone."""
    sessions = []
    async with site.client() as holder:
        for letter in "pq":
            rows = [
                {
                    "record_id": f"r{number:02d}",
                    "who": None if number == 7 else f"{letter}{number % 4}",
                    "visits": [{"doctor": f"{letter}{each}"} for each in range(number % 3)],
                    "plain": number,
                }
                for number in range(20)
            ]
            policy = await make_policy(holder, transforms={path: {"op": "tokenize"} for path in HIDDEN})
            dataset = await make_dataset(holder, rows, policy_id=policy, name=f"twin-{'ab'[letter == 'q']}-named")
            sessions.append(f"/v1/sessions/{await open_session(lab, dataset['dataset_id'])}")
    return sessions


async def alike_but_for_tokens(lab, twins, path: str, **body: Any) -> int:
    answers = [await lab.post(f"{session}{path}", json=body) for session in twins]
    one, other = [(each.status_code, TOKENS.sub(b"tok_", told(each)[2])) for each in answers]
    assert one == other, body
    return one[0]


@pytest.mark.parametrize("path", HIDDEN)
async def test_no_literal_finds_out_what_a_token_stands_for(lab, named_twins, path):
    for literal in LITERALS:
        assert await alike_but_for_tokens(lab, named_twins, "/filter", filter={path: literal}) == 200


async def test_no_aggregation_finds_out_what_a_token_stands_for(lab, named_twins):
    answered = [await alike_but_for_tokens(lab, named_twins, "/aggregate", pipeline=each) for each in COUNTS]
    assert answered.count(200) == len(COUNTS) - 1  # the length of null


@pytest.mark.parametrize("op", ["tokenize", "hash", "mask", "redact"])
async def test_no_transformation_finds_out_what_a_token_stands_for(lab, named_twins, op):
    fields = {"record_ids": ["r00", "r04", "r07"], "parameters": {"fields": [*HIDDEN]}}
    assert await alike_but_for_tokens(lab, named_twins, "/transform", transformation=op, **fields) == 200


async def test_the_session_itself_tells_no_difference(lab, twins):
    assert await alike(lab, twins, "GET", "") == 200
