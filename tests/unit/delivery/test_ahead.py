"""Records encoded before they are asked for: what is kept, what is not, and that it never shows."""

import asyncio
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


async def on_a_thread(work: Any) -> Any:
    return await asyncio.to_thread(work)


def numbers_of(records: bytes | None) -> list[int]:
    assert records is not None
    return [row["n"] for row in json.loads(records)]


@pytest.mark.parametrize("places", [range(1), range(100, 200), range(ROWS - 3, ROWS + 3), range(COUNT - 5, COUNT)])
@pytest.mark.parametrize(
    "selection", [Every(COUNT), Listed.of(list(range(COUNT))[::-1], COUNT), Listed(np.arange(COUNT) * 1_000)]
)
async def test_any_places_hold_what_the_plan_finds_there(selection, places):
    found = await Ahead(Taken(), on_a_thread).records(plan_of(selection), places)
    assert numbers_of(found) == selection.numbers(places.start, places.stop).tolist()


async def test_pages_that_follow_each_other_are_encoded_together():
    take = Taken()
    ahead, plan = Ahead(take, on_a_thread), plan_of(Every(COUNT))
    found = [
        number for at in range(0, ROWS, 64) for number in numbers_of(await ahead.records(plan, range(at, at + 64)))
    ]
    assert found == list(range(ROWS))
    assert take.times == 1


async def test_what_another_view_shows_is_encoded_for_itself():
    take = Taken()
    ahead = Ahead(take, on_a_thread)
    for view in (1, 2, 1):
        await ahead.records(plan_of(Every(COUNT), view=view), range(10))
    assert take.times == 2


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (plan_of(Every(COUNT), hidden=Every(1)), ""),
        (plan_of(Every(COUNT), keeps_tokens=True), ""),
        (plan_of(Every(COUNT), types=struct({"record_id": STRING, "n": JSON})), ""),
        (plan_of(Every(COUNT)), "wide" * 1_000),
    ],
    ids=["some are hidden", "tokens are given", "of mixed types", "wide"],
)
async def test_what_is_better_encoded_alone_is_left_to_the_caller(plan, text):
    ahead = Ahead(Taken(text), on_a_thread)
    assert await ahead.records(plan, range(10)) is None
    assert await ahead.records(plan, range(10, 20)) is None


async def test_no_more_is_kept_than_allowed():
    take = Taken()
    ahead, plan = Ahead(take, on_a_thread, most_bytes=1), plan_of(Every(COUNT))
    assert numbers_of(await ahead.records(plan, range(10))) == list(range(10))
    assert numbers_of(await ahead.records(plan, range(10))) == list(range(10))
    assert take.times == 2


async def test_no_places_are_left_to_the_caller():
    assert await Ahead(Taken(), on_a_thread).records(plan_of(Every(0)), range(0)) is None


async def test_what_two_ask_for_at_once_is_kept_once():
    ahead, plan = Ahead(Taken(), on_a_thread), plan_of(Listed(np.arange(COUNT) * 1_000))
    found = await asyncio.gather(*(ahead.records(plan, range(10)) for _ in range(3)))
    assert [numbers_of(each) for each in found] == [[number * 1_000 for number in range(10)]] * 3
    alone = Ahead(Taken(), on_a_thread)
    await alone.records(plan, range(10))
    assert ahead._bytes == alone._bytes
