"""What the tasks of a loop append at the same time reaches the writer together."""

import asyncio
from collections.abc import Sequence

from xase_server.ledger.gathering import ENOUGH, Gathering


class Receiver:
    """Keeps what was handed over, one list for each time."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.gathering: Gathering[int] = Gathering(self.take)

    def take(self, items: Sequence[int]) -> None:
        self.lots.append(list(items))

    async def turn(self) -> None:
        await asyncio.sleep(0)


async def test_what_comes_in_one_turn_is_handed_over_together_and_in_order():
    receiver, loop = Receiver(), asyncio.get_running_loop()
    for number in range(5):
        receiver.gathering.add(loop, number)
    assert (receiver.lots, len(receiver.gathering)) == ([], 5)
    while not receiver.lots:
        await receiver.turn()
    assert (receiver.lots, len(receiver.gathering)) == ([[0, 1, 2, 3, 4]], 0)


async def test_what_comes_turn_by_turn_is_waited_for():
    receiver, loop = Receiver(), asyncio.get_running_loop()
    for number in range(ENOUGH - 1):
        receiver.gathering.add(loop, number)
        await receiver.turn()
    assert receiver.lots == []
    while not receiver.lots:
        await receiver.turn()
    assert receiver.lots == [list(range(ENOUGH - 1))]


async def test_a_stream_without_an_end_is_not_waited_for():
    receiver, loop = Receiver(), asyncio.get_running_loop()
    for number in range(4 * ENOUGH):
        receiver.gathering.add(loop, number)
        await receiver.turn()
    assert max(map(len, receiver.lots)) <= ENOUGH + 1
    assert len(receiver.lots) >= 3


def test_each_loop_hands_over_its_own():
    receiver = Receiver()

    async def add(number: int) -> None:
        receiver.gathering.add(asyncio.get_running_loop(), number)
        while [number] not in receiver.lots:
            await receiver.turn()

    for number in range(2):
        asyncio.run(add(number))
    assert receiver.lots == [[0], [1]]
