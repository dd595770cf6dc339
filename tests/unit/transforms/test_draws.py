"""Noise is a record's own, however records are read."""

import numpy as np
import pyarrow as pa
import pytest

from xase_server.transforms import draws
from xase_server.transforms.draws import Draws
from xase_server.transforms.memo import Memory
from xase_server.transforms.places import Places

KEY = bytes(range(32))
TABLE = pa.table({})


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch):
    monkeypatch.setattr(draws, "_BLOCK", 8)


def of(memory, numbers):
    return Draws(KEY, memory).of(Places(TABLE, numbers)).tolist()


@pytest.mark.parametrize("before", [range(0), range(40), range(8, 16), range(3, 11)])
def test_a_run_has_the_noise_of_its_records_whatever_was_drawn_before(before):
    memory, each = Memory(), [of(Memory(), np.array([number]))[0] for number in range(40)]
    of(memory, before)
    for run in (range(40), range(8, 16), range(9, 15), range(5, 21), range(39, 40), range(0)):
        assert of(memory, run) == of(memory, np.array(run, np.int64)) == each[run.start : run.stop]
    backwards = np.arange(39, -1, -1)
    assert of(memory, backwards) == each[::-1]


def test_whole_blocks_are_kept_and_nothing_else():
    memory = Memory()
    of(memory, range(5, 27))
    assert memory._bytes == 2 * 8 * 8


def test_keys_share_nothing():
    memory = Memory()
    other = Draws(KEY[::-1], memory).of(Places(TABLE, range(8))).tolist()
    assert set(other).isdisjoint(of(memory, range(8)))
