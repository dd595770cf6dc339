"""Buckets of confidence, and the groups that cover a range of them."""

from hypothesis import given
from hypothesis import strategies as st

from xase_server.storage.confidence import LEAF_LEVEL, LEVEL_BITS, bucket_of, cover

LAST = (1 << LEVEL_BITS[LEAF_LEVEL]) - 1
BUCKETS = st.integers(0, LAST)
NEAR_THE_ENDS = st.integers(0, 1074).map(lambda n: 2.0**-n)
CONFIDENCES = st.floats(0, 1) | NEAR_THE_ENDS | NEAR_THE_ENDS.map(lambda small: 1 - small)


@given(CONFIDENCES, CONFIDENCES)
def test_a_larger_confidence_is_never_in_a_smaller_bucket(one, other):
    low, high = sorted((one, other))
    assert 0 <= bucket_of(low) <= bucket_of(high) <= LAST


def test_the_ends_are_in_the_outermost_buckets():
    assert (bucket_of(0.0), bucket_of(1.0)) == (0, LAST)


def test_confidences_near_one_are_told_apart():
    assert len({bucket_of(1 - 0.5**n) for n in range(4, 36)}) == 32


def test_evenly_spread_confidences_fill_the_buckets_evenly():
    counts: dict[int, int] = {}
    for n in range(100_000):
        bucket = bucket_of(n / 100_000)
        counts[bucket] = counts.get(bucket, 0) + 1
    assert max(counts.values()) <= 50


@given(BUCKETS, BUCKETS)
def test_a_cover_is_exactly_the_range_in_few_groups(one, other):
    first, last = sorted((one, other))
    covered: list[int] = []
    groups = 0
    for level, low, high in cover(first, last):
        width = 1 << (LEVEL_BITS[LEAF_LEVEL] - LEVEL_BITS[level])
        covered += range(low * width, (high + 1) * width)
        groups += high - low + 1
    assert sorted(covered) == list(range(first, last + 1))
    assert groups <= 3 * 128


def test_nothing_covers_an_empty_range():
    assert list(cover(5, 4)) == []
