"""Two datasets that look alike to a lab: they differ only in what its contract hides, and are asked the same things."""

import re
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from tests.api.sessions import make_dataset, make_policy, open_session

DAY: Final = "2024-{:02d}-{:02d}T{:02d}:00:00Z"
TERMS: Final[dict[str, Any]] = {
    "row_filter": {"consent.research": True},
    "deny_fields": ["denied", "site.inner", "consent"],
    "transforms": {
        "age": {"op": "generalize", "width": 10, "top": 80},
        "weight": {"op": "generalize", "width": 0.5},
        "seen": {"op": "generalize", "part": "month"},
        "zip": {"op": "generalize", "prefix": 2},
        "name": {"op": "mask", "keep_last": 1},
        "number": {"op": "mask"},
        "text": {"op": "redact"},
        "amount": {"op": "redact"},
        "gone": {"op": "drop"},
        "score": {"op": "bucketize", "edges": [10, 20, 30]},
        "labs.code": {"op": "mask"},
        "labs.value": {"op": "bucketize", "edges": [5]},
        "labs.note": {"op": "drop"},
        "tags": {"op": "redact"},
        "site.phone": {"op": "redact"},
        "free": {"op": "redact"},
    },
}
CHANGED: Final = tuple(path for path, spec in TERMS["transforms"].items() if spec["op"] != "drop")
GONE: Final = ("gone", "labs.note", "denied", "site.inner", "consent", "consent.research", "nothing", "site.nothing")
PLAIN: Final = ("plain", "ward", "site.ward", "record_id", "labs", "site", "labs.0.code")
_TIMES: Final = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_IDS: Final = re.compile(
    rb"\b(?:sess|ds|pol|batch|filter|agg|transform|ev|req|cursor)_(?=[\w-]*\d)[\w=-]{12,}|\b(?:twin-[ab])\b"
)
_HASHES: Final = re.compile(rb"sha256:[0-9a-f]{64}")


def rows(*, other: bool) -> list[dict[str, Any]]:
    """The rows of one twin; what neither may see of the other is different in all of them."""
    outside = list(_outside(other=other))
    return [*outside[:2], *(_row(number, other=other) for number in range(24)), *outside[2:]]


def _row(number: int, *, other: bool) -> dict[str, Any]:
    more = 1 + number % 3 if other else 0
    return {
        "record_id": f"r{number:02d}",
        "plain": number,
        "ward": f"w{number % 4}",
        "consent": {"research": True, "extra": number + more},
        "age": None if number == 3 else 20 + number % 7 * 10 + more,
        "weight": 50.0 + number / 2 + more / 10,
        "seen": {"$date": DAY.format(1 + number % 12, 3 + more, 8 + more)},
        "zip": f"1{number % 3}{100 + 17 * more}",
        "name": f"{'BADC'[more]}nn{'xyza'[(number + more) % 4]}{number % 5}",
        "number": 1000 + number * (1 + more),
        "text": None if number % 3 == more else f"text {number} {more}",
        "amount": None if number % 4 == more else number + more,
        "gone": f"gone {more}" if number % 2 else None,
        "score": number // 6 * 10 + more + 1,
        "labs": [{"code": f"L{more}{each}", "value": each * 5 + more, "note": more} for each in range(number % 3)],
        "tags": [f"t{more}"] * (number % 2),
        "site": {"ward": number % 2, "phone": f"030-{more}{number}", "inner": {"x": more}},
        "free": {"a": more} if number % 2 else [more],
        "denied": f"d{more}" if other else number,
    }


def _outside(*, other: bool) -> Iterator[dict[str, Any]]:
    """Rows that the row filter hides: more of them, and others, in one twin."""
    for number in range(5 if other else 2):
        row = _row(number + 3, other=not other)
        yield {
            **row,
            "record_id": f"h{'b' if other else 'a'}{number}",
            "consent": {"research": False, "extra": 0},
            "plain": 900 + number,
            "ward": f"secret-{number}",
        }


async def make_twins(holder: httpx2.AsyncClient, lab: httpx2.AsyncClient) -> list[str]:
    """The addresses of a session on each twin."""
    found = []
    for other in (False, True):
        policy = await make_policy(holder, **TERMS)
        dataset = (await make_dataset(holder, rows(other=other), policy_id=policy, name=f"twin-{'ab'[other]}"))[
            "dataset_id"
        ]
        found.append(f"/v1/sessions/{await open_session(lab, dataset)}")
    return found


def told(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """All that an answer tells, byte for byte but for ids, cursors, times and hashes."""
    headers = {name: told_text(value.encode()).decode() for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, told_text(answer.content)


def told_text(raw: bytes) -> bytes:
    """Text without its ids, cursors, times and hashes; their lengths stay in it."""
    for pattern in (_IDS, _TIMES, _HASHES):
        raw = pattern.sub(lambda found: b"*" * len(found[0]), raw)
    return raw
