"""Groups that are near to one another, found among many as by comparing each with each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from xase_server.policy.difference import Cells

PEOPLE = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5], dtype=np.int64)
GROUPS = st.lists(st.frozensets(st.integers(0, 9), min_size=1), min_size=1, max_size=8)


def people(records) -> set[int]:
    return {int(PEOPLE[number]) for number in records}


def near(one, other, least: int) -> bool:
    """As the policy page says it: they differ, by few in whom they hold or in whose records they hold."""
    apart = [len(people(one) ^ people(other)), len(people(one ^ other))]
    return any(0 < each < least for each in apart)


@given(groups=GROUPS, least=st.integers(1, 5))
def test_a_near_group_is_found_among_many(groups, least):
    cells = Cells(PEOPLE)
    for place, group in enumerate(groups):
        cell = cells.cell(BitMap64(group))
        assert cells.has_near(cell, least) == any(near(group, other, least) for other in groups[:place])
        cells.add(cell)
    assert len(cells) == len(groups)
