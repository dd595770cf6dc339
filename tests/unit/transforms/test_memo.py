"""What memos make, and what they need not make again."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from xase_server.transforms.distinct import by_number
from xase_server.transforms.memo import Labels, Memo, Memory
from xase_server.transforms.numbered import Coded, Numbered


def numbered(*texts):
    """A column with these values, in the order in which they first come."""
    encoded = pa.array(texts, pa.string()).dictionary_encode("encode")
    return Coded(Numbered(encoded.dictionary, encoded.indices.to_numpy()), encoded.indices.to_numpy())


class Lengths:
    """Makes each text its length, and counts how many it was asked for."""

    def __init__(self, memory: Memory, name: str = "lengths") -> None:
        self.made = 0
        self.memo = Memo(self._make, memory, name, "i8")

    def _make(self, values):
        self.made += len(values)
        return np.array([len(str(each)) for each in values.to_pylist()], np.int64)

    def of(self, *texts):
        return self.of_array(pa.array(texts, pa.string()))

    def of_coded(self, column, *codes):
        return by_number(self.memo.of_coded(Coded(column, np.array(codes, np.int32)))).to_pylist()

    def of_array(self, array):
        found = self.memo.of(array)
        return by_number(found).to_pylist()


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


def test_of_numbered_values_those_alone_are_made_that_a_row_has(memory):
    lengths = Lengths(memory)
    column, _ = numbered("a", "bb", None, "ccc", "dddd")
    assert lengths.of_coded(column, 1, 2, 1) == [2, None, 2]
    assert lengths.made == 1
    assert lengths.of_coded(column, 3, 1) == [3, 2]
    assert lengths.of_coded(column) == []
    assert lengths.made == 2
    assert lengths.of_coded(column, 0, 1, 2, 3, 4) == [1, 2, None, 3, 4]
    assert lengths.of_coded(column, 4, 0) == [4, 1]
    assert lengths.made == 4


def test_what_is_known_of_one_column_is_not_taken_for_another(memory):
    lengths = Lengths(memory)
    (one, codes), (other, _) = numbered("a", "bb"), numbered("ccc", "dddd")
    assert lengths.of_coded(one, *codes) == [1, 2]
    assert lengths.of_coded(other, *codes) == [3, 4]
    again, _ = numbered("eeeee", "a")
    assert lengths.of_coded(again, *codes) == [5, 1]


def test_labels_of_numbered_values_are_made_once_for_all_unless_there_are_few_rows(memory):
    asked = []

    def change(array):
        asked.append(len(array))
        return pc.utf8_upper(array)

    labels = Labels(change, memory, "upper")
    column, codes = numbered(*(f"v{number}" for number in range(50)))
    array = column.values.take(pa.array(codes))
    few = Coded(column, codes[:2])
    assert labels.of(array.slice(0, 2), few).to_pylist() == ["V0", "V1"]
    assert labels.of(array, Coded(column, codes)).to_pylist() == pc.utf8_upper(array).to_pylist()
    assert labels.of(array.slice(0, 2), few).to_pylist() == ["V0", "V1"]
    assert labels.of(array, None).to_pylist() == pc.utf8_upper(array).to_pylist()
    assert asked == [2, 50, 50]
