import pytest

from xase.proof.chain import GENESIS, ChainError, Link, follow, verify_chain
from xase.proof.entry import parse_entry


def entries(log):
    return [parse_entry(raw) for raw in log.raws]


def test_a_stream_is_followed_from_its_beginning(log):
    every = entries(log)
    assert verify_chain(every) == Link(4, every[-1].hash)


def test_a_stream_is_followed_from_the_middle(log):
    every = entries(log)
    assert verify_chain(every[2:], Link(2, every[1].hash)) == verify_chain(every)


def test_nothing_follows_nothing():
    assert verify_chain([]) == GENESIS


def test_a_gap_is_refused(log):
    every = entries(log)
    with pytest.raises(ChainError, match="sequence 2, expected 1"):
        verify_chain([every[0], every[2]])


def test_an_entry_that_names_another_predecessor_is_refused(log):
    every = entries(log)
    with pytest.raises(ChainError, match="does not name the hash"):
        follow(Link(2, every[0].hash), every[2])


def test_an_entry_of_another_stream_is_refused(log):
    log.decide("rec_00000000000000aa", stream="decisions/org_other")
    with pytest.raises(ChainError, match="another stream"):
        verify_chain(entries(log))
