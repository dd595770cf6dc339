"""Records encoded before they are asked for: what is kept, what is not, and that it never shows."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from xase_server.delivery.shape import shape_of
from xase_server.query.projection import EVERYTHING
from xase_server.query.schema import INT, JSON, STRING, struct
from xase_server.services.ahead import ROWS, Ahead
from xase_server.services.planning import Plan
from xase_server.services.selections import Every, Listed, Selection
from xase_server.services.wanted import Wanted

COUNT = 5_000
TYPES = struct({"record_id": STRING, "n": INT})


class Taken:
    """Gives rows that name their numbers, and counts how often it was asked."""

    def __init__(self, text: str = "") -> None:
        self.times = 0
        self._text = text

    def __call__(self, _plan: Plan, numbers: Any) -> pa.Table:
        self.times += 1
        return pa.table({"record_id": [f"r{number}{self._text}" for number in numbers.tolist()], "n": numbers})


def plan_of(
    selection: Selection, *, view: int = 1, keeps_tokens: bool = False, hidden: Selection | None = None, types=TYPES
) -> Plan:
    some_view: Any = SimpleNamespace(number=view, keeps_tokens=keeps_tokens)
    return Plan(some_view, Wanted(), shape_of(EVERYTHING, types), selection, hidden or Every(0))


def numbers_of(records: bytes | None) -> list[int]:
    assert records is not None
    return [row["n"] for row in json.loads(records)]


@pytest.mark.parametrize("places", [range(1), range(100, 200), range(ROWS - 3, ROWS + 3), range(COUNT - 5, COUNT)])
@pytest.mark.parametrize("selection", [Every(COUNT), Listed.of(list(range(COUNT))[::-1], COUNT)])
def test_any_places_hold_what_the_plan_finds_there(selection, places):
    found = Ahead(Taken()).records(plan_of(selection), places)
    assert numbers_of(found) == selection.numbers(places.start, places.stop).tolist()


def test_pages_that_follow_each_other_are_encoded_together():
    take = Taken()
    ahead, plan = Ahead(take), plan_of(Every(COUNT))
    found = [number for at in range(0, ROWS, 64) for number in numbers_of(ahead.records(plan, range(at, at + 64)))]
    assert found == list(range(ROWS))
    assert take.times == 1


def test_what_another_view_shows_is_encoded_for_itself():
    take = Taken()
    ahead = Ahead(take)
    for view in (1, 2, 1):
        ahead.records(plan_of(Every(COUNT), view=view), range(10))
    assert take.times == 2


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (plan_of(Every(COUNT), hidden=Every(1)), ""),
        (plan_of(Every(COUNT), keeps_tokens=True), ""),
        (plan_of(Listed(np.arange(COUNT) * 1_000)), ""),
        (plan_of(Every(COUNT), types=struct({"record_id": STRING, "n": JSON})), ""),
        (plan_of(Every(COUNT)), "wide" * 1_000),
    ],
    ids=["some are hidden", "tokens are given", "far apart", "of mixed types", "wide"],
)
def test_what_is_better_encoded_alone_is_left_to_the_caller(plan, text):
    ahead = Ahead(Taken(text))
    assert ahead.records(plan, range(10)) is None
    assert ahead.records(plan, range(10, 20)) is None


def test_no_more_is_kept_than_allowed():
    take = Taken()
    ahead, plan = Ahead(take, most_bytes=1), plan_of(Every(COUNT))
    assert numbers_of(ahead.records(plan, range(10))) == list(range(10))
    assert numbers_of(ahead.records(plan, range(10))) == list(range(10))
    assert take.times == 2


def test_no_places_are_left_to_the_caller():
    assert Ahead(Taken()).records(plan_of(Every(0)), range(0)) is None
