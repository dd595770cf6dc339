"""`xase usage` and `xase audit`, against a real server."""

import json
from uuid import uuid4

import pytest


@pytest.mark.parametrize("grouping", ["dataset", "session", "model", "day"])
def test_sums_are_shown(xase_, grouping):
    answer = xase_("usage", "--by", grouping, "--limit", "2", "--json")
    assert answer.code == 0, answer.err
    assert answer.json.keys() == {"data", "total", "limit", "offset"}
    assert len(answer.json["data"]) == min(2, answer.json["total"])
    shown = xase_("usage", "--by", grouping)
    assert (shown.code, "records" in shown.out, " of " in shown.err) == (0, True, True)


def test_a_grouping_that_is_none_is_a_mistake_of_usage(xase_):
    assert xase_("usage", "--by", "week").code == 2


def test_the_trail_is_shown_newest_first(xase_):
    names = [f"audit-{uuid4().hex}" for _ in range(2)]
    made = [xase_("keys", "create", "--name", name, "--role", "auditor", "--json").json["id"] for name in names]
    answer = xase_("audit", "--type", "key_created", "--limit", "2", "--json")
    assert answer.code == 0, answer.err
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [each["body"]["key_id"] for each in found] == made[::-1]
    of_one = xase_("audit", "--object", made[0], "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in of_one] == ["key_created"]
    assert made[1] in xase_("audit", "--type", "key_created").out
