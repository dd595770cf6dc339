"""Training order: each record once, whatever the number, the key, the ranks, and where a run resumes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xase_server.delivery.bitmap import bitmap_in, bitmap_of, contains
from xase_server.delivery.order import Permutation, share

COUNTS = st.sampled_from([0, 1, 2, 3, 4, 5, 16, 17, 64, 97, 255, 256, 257, 1021, 4096]) | st.integers(0, 3000)
SEEDS = st.integers() | st.text(max_size=5)


@given(n=COUNTS, seed=SEEDS, epoch=st.integers(0, 5))
def test_every_number_has_one_position(n, seed, epoch):
    found = Permutation(n, seed, epoch).numbers(0, n)
    assert np.array_equal(np.sort(found), np.arange(n))


@given(n=COUNTS, seed=SEEDS, start=st.integers(0, 3000), length=st.integers(0, 100), step=st.integers(1, 7))
def test_a_part_is_a_part_of_the_whole(n, seed, start, length, step):
    order = Permutation(n, seed, 0)
    assert np.array_equal(
        order.numbers(start, start + length, step), order.numbers(0, n)[start : start + length : step]
    )


@given(n=COUNTS, runs=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), max_size=4), last=st.integers(1, 9))
def test_each_record_is_delivered_once_whatever_the_ranks(n, runs, last):
    order = Permutation(n, 7, 1)
    delivered: list[int] = []
    start = 0
    for world_size, taken in runs:
        for rank in range(world_size):
            mine = share(start, n, world_size, rank)[:taken]
            delivered.extend(order.at(np.array(mine, dtype=np.int64)))
        start = min(n, start + taken * world_size)
    for rank in range(last):
        mine = share(start, n, last, rank)
        delivered.extend(order.numbers(mine.start, mine.stop, mine.step))
    assert sorted(delivered) == list(range(n))


NUMBERS = st.lists(st.integers(0, 2**40) | st.integers(0, 300) | st.integers(65_500, 65_600), max_size=200)


@given(found=NUMBERS)
def test_a_set_of_numbers_comes_back(found):
    bitmap = bitmap_of(np.array(found, dtype=np.int64))
    assert list(bitmap_in(bitmap)) == sorted(set(found))
    assert all(contains(bitmap, number) for number in found)
    assert not contains(bitmap, 2**41)
    assert not contains(bitmap, -1)


@given(start=st.integers(0, 2**33), length=st.integers(0, 5000), chance=st.randoms(use_true_random=False))
def test_one_set_has_one_text_of_bytes(start, length, chance):
    run = range(start, start + length)
    mixed = list(run) + list(run)[:3]
    chance.shuffle(mixed)
    assert bitmap_of(run) == bitmap_of(np.array(run, dtype=np.int64)) == bitmap_of(np.array(mixed, dtype=np.int64))
