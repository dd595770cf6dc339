"""What memos make, and what they need not make again."""

import numpy as np
import pyarrow as pa
import pytest

from xase_server.transforms.memo import Memo, Memory


class Lengths:
    """Makes each text its length, and counts how many it was asked for."""

    def __init__(self, memory: Memory, name: str = "lengths") -> None:
        self.made = 0
        self.memo = Memo(self._make, memory, name)

    def _make(self, values):
        self.made += len(values)
        return np.array([len(str(each)) for each in values.to_pylist()], np.int64)

    def of(self, *texts):
        return self.of_array(pa.array(texts, pa.string()))

    def of_array(self, array):
        results, places = self.memo.of(array)
        return [None if place is None else int(results[place]) for place in places.to_pylist()]


@pytest.fixture
def memory():
    return Memory()


def test_a_value_is_made_once_however_many_rows_and_batches_have_it(memory):
    lengths = Lengths(memory)
    assert lengths.of("a", "bb", "a") == [1, 2, 1]
    assert lengths.of("bb", "ccc", "a") == [2, 3, 1]
    assert lengths.made == 3


def test_null_stays_null(memory):
    lengths = Lengths(memory)
    assert lengths.of(None, "a", None) == [None, 1, None]
    assert lengths.of("bb", None) == [2, None]
    assert lengths.of(None, None) == [None, None]
    assert lengths.of() == []


def test_a_part_of_an_array_is_answered_for_itself(memory):
    lengths = Lengths(memory)
    lengths.of("a", "bb")
    part = pa.array(["x", "bb", None, "ccc", "x"]).slice(1, 3)
    assert lengths.of_array(part) == [2, None, 3]
    assert lengths.made == 3


def test_a_small_batch_neither_waits_for_what_is_known_nor_takes_its_place(memory):
    lengths = Lengths(memory)
    many = [f"v{number}" for number in range(100)]
    lengths.of(*many)
    assert lengths.of("v1", "longer") == [2, 6]
    assert lengths.of(*many) == [len(each) for each in many]
    assert lengths.made == 102


def test_numbers_are_not_taken_for_texts(memory):
    lengths = Lengths(memory)
    assert lengths.of("1") == [1]
    assert lengths.of_array(pa.array([1, 22])) == [1, 2]


def test_memos_of_one_name_share_and_of_another_do_not(memory):
    first, same, other = Lengths(memory), Lengths(memory), Lengths(memory, "others")
    first.of("a")
    same.of("a")
    other.of("a")
    assert (first.made, same.made, other.made) == (1, 0, 1)


def test_what_was_used_longest_ago_makes_way():
    memory = Memory(most_bytes=120)
    first, second, third = (Lengths(memory, name) for name in ("first", "second", "third"))
    first.of("aaaaaaaa")
    second.of("aaaaaaaa")
    first.of("aaaaaaaa")
    for number in range(8):
        third.of(f"third {number}")
    assert sum(each.bytes for each in memory._kept.values()) <= 120
    second.of("aaaaaaaa")
    assert second.made == 2
