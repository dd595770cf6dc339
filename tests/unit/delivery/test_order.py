"""Training order and sets of numbers: what must never change, and what is refused."""

import numpy as np
import pytest

from xase_server.delivery.bitmap import bitmap_in, bitmap_of, contains
from xase_server.delivery.order import Permutation, share


def test_the_order_of_a_key_never_changes():
    assert Permutation(10, 7, 0).numbers(0, 10).tolist() == [1, 0, 9, 7, 8, 5, 6, 2, 3, 4]
    assert Permutation(10**9, "seed", 3).numbers(999_999_996, 10**9 + 5).tolist() == [
        347673560,
        842567975,
        140904180,
        420901309,
    ]


def test_seed_epoch_and_count_each_change_the_order():
    orders = [
        Permutation(*key).numbers(0, 100).tolist() for key in [(1000, 1, 0), (1000, 2, 0), (1000, 1, 1), (1001, 1, 0)]
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_an_order_looks_like_chance():
    found = Permutation(100_000, 1, 0).numbers(0, 100_000)
    assert abs(np.corrcoef(np.arange(100_000), found)[0, 1]) < 0.02
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02


def test_positions_outside_are_refused():
    order = Permutation(5, 1, 0)
    for positions in ([-1], [5]):
        with pytest.raises(ValueError, match="0 to 4"):
            order.at(np.array(positions))
    with pytest.raises(ValueError, match="2\\*\\*62"):
        Permutation(-1, 1, 0)
    assert len(order.numbers(7, 9)) == 0


def test_a_rank_outside_the_world_is_refused():
    for rank in (-1, 2):
        with pytest.raises(ValueError, match="0 to 1"):
            share(0, 10, 2, rank)


def test_matching_numbers_are_shuffled_by_their_places():
    matching = np.array([3, 8, 21, 90, 91])
    shuffled = matching[Permutation(len(matching), 1, 0).numbers(0, 5)]
    assert sorted(shuffled.tolist()) == matching.tolist()


def test_a_bitmap_has_the_bytes_of_its_format():
    # one 32-bit bitmap, under the upper half 0; in it one run container: key 0, run from 1 of 2 more
    wanted = "0100000000000000000000003b3000000100000200010001000200"
    assert bitmap_of(range(1, 4)).hex() == wanted


def test_the_empty_set_has_eight_bytes():
    empty = bitmap_of(np.array([], dtype=np.int64))
    assert empty == bitmap_of(range(0)) == bytes(8)
    assert (list(bitmap_in(empty)), contains(empty, 0)) == ([], False)


@pytest.mark.parametrize("bitmap", [b"", b"abc", b"\xff" * 40, bitmap_of(range(1000))[:-1]])
def test_bytes_that_are_no_bitmap_are_refused(bitmap):
    with pytest.raises(ValueError, match=r".+"):
        bitmap_in(bitmap)


def test_a_million_records_in_a_row_are_a_few_bytes():
    assert len(bitmap_of(range(1_000_000))) < 500
