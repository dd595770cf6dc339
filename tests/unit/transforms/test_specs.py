"""Transforms are checked when a policy is loaded; what is wrong is named by its path."""

from typing import Any

import pytest

from xase_server.domain.errors import Refused
from xase_server.policy.load import check_against, load
from xase_server.query.schema import DATE, FLOAT, INT, JSON, STRING, ListOf, struct

SCHEMA = struct(
    {
        "record_id": STRING,
        "who": STRING,
        "age": INT,
        "temp": FLOAT,
        "seen": DATE,
        "tags": ListOf(STRING),
        "home": struct({"zip": STRING}),
        "notes": JSON,
    }
)


def policy(field: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"name": "p", "rules": [{"id": "r", "effect": "permit", "constrain": {"transforms": {field: spec}}}]}


def faults(field: str, spec: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as caught:
        check_against(load(policy(field, spec)), SCHEMA, lambda _: None)
    assert caught.value.kind.slug == "validation_error"
    prefix = f"rules.0.constrain.transforms.{field}."
    return [each["field"].removeprefix(prefix) for each in caught.value.details]


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("who", {"op": "hash", "domain": "dataset"}),
        ("age", {"op": "hash"}),
        ("tags", {"op": "mask", "keep_first": 1}),
        ("home.zip", {"op": "generalize", "prefix": 3}),
        ("home", {"op": "drop"}),
        ("notes", {"op": "redact"}),
        ("temp", {"op": "generalize", "width": 0.5, "bottom": 35, "top": 40}),
        ("seen", {"op": "date_shift", "subject": "who", "max_days": 182}),
        ("seen", {"op": "generalize", "part": "quarter"}),
        ("age", {"op": "bucketize", "edges": [18, 65], "labels": ["a", "b", "c"]}),
        ("age", {"op": "noise", "scale": 2.5}),
    ],
)
def test_what_fits_is_accepted(field, spec):
    check_against(load(policy(field, spec)), SCHEMA, lambda _: None)


@pytest.mark.parametrize(
    ("field", "spec", "named"),
    [
        ("who", {}, "op"),
        ("who", {"op": "encrypt"}, "op"),
        ("who", {"op": ["hash"]}, "op"),
        ("who", {"op": "tokenize", "domain": "world"}, "domain"),
        ("temp", {"op": "tokenize"}, "op"),
        ("notes", {"op": "tokenize"}, "op"),
        ("who", {"op": "k_anonymize"}, "op"),
        ("notes", {"op": "scrub_text"}, "op"),
        ("who", {"op": "hash", "domain": "world"}, "domain"),
        ("who", {"op": "hash", "salt": "x"}, "salt"),
        ("temp", {"op": "hash"}, "op"),
        ("notes", {"op": "hash"}, "op"),
        ("notes.a", {"op": "redact"}, "op"),
        ("nothing", {"op": "redact"}, "op"),
        ("tags.0", {"op": "redact"}, "op"),
        ("home", {"op": "redact"}, "op"),
        ("record_id", {"op": "hash"}, "op"),
        ("who", {"op": "mask", "keep_first": 3, "keep_last": 2}, "keep_first"),
        ("who", {"op": "mask", "char": "**"}, "char"),
        ("age", {"op": "redact", "value": "-"}, "value"),
        ("age", {"op": "generalize"}, "op"),
        ("age", {"op": "generalize", "width": 5, "part": "year"}, "op"),
        ("age", {"op": "generalize", "width": 0}, "width"),
        ("age", {"op": "generalize", "width": 0.5}, "width"),
        ("age", {"op": "generalize", "width": 5, "top": 92}, "top"),
        ("age", {"op": "generalize", "width": 5, "top": 10, "bottom": 10}, "bottom"),
        ("who", {"op": "generalize", "prefix": 3, "top": 5}, "top"),
        ("who", {"op": "generalize", "width": 5}, "op"),
        ("seen", {"op": "generalize", "part": "week"}, "part"),
        ("age", {"op": "bucketize", "edges": [5, 5]}, "edges"),
        ("age", {"op": "bucketize", "edges": [5], "labels": ["a"]}, "labels"),
        ("age", {"op": "bucketize", "edges": [0.5]}, "edges"),
        ("seen", {"op": "date_shift", "subject": "who", "max_days": 0}, "max_days"),
        ("seen", {"op": "date_shift", "max_days": 3}, "op"),
        ("seen", {"op": "date_shift", "subject": "tags", "max_days": 3}, "subject"),
        ("seen", {"op": "date_shift", "subject": "nobody", "max_days": 3}, "subject"),
        ("age", {"op": "noise", "scale": -1}, "scale"),
    ],
)
def test_what_does_not_fit_is_named(field, spec, named):
    assert faults(field, spec) == [named]


@pytest.mark.parametrize(
    ("op", "place"),
    [("k_anonymize", "POST /v1/datasets/{id}/anonymize"), ("scrub_text", "`scrub` in a dataset's notes")],
)
def test_what_is_done_before_any_session_says_where_to_turn(op, place):
    with pytest.raises(Refused) as caught:
        load(policy("who", {"op": op}))
    assert place in caught.value.details[0]["message"]
