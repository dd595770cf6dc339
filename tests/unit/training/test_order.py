"""A training run's state: whoever goes on, with however many readers, each position comes exactly once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase.training.order import Run, merged
from xase_server.delivery.order import share as served


def read(run, reader, total, most):
    """What a reader gets of the server in a stretch of at most so many records, and the run after it."""
    run = run.known(reader)
    asked = run.share(reader)
    taken = []
    for position in served(asked.position, total, asked.readers, asked.reader)[:most]:
        assert position == run.place(reader)
        run = run.after(reader)
        if position not in run.early:
            taken.append(position)
    return taken, run


stretches = st.lists(st.tuples(st.integers(1, 5), st.lists(st.integers(0, 12), min_size=5, max_size=5)), max_size=5)


@given(total=st.integers(0, 120), stretches=stretches, last=st.integers(1, 4))
def test_each_position_comes_once_however_readers_come_and_go(total, stretches, last):
    state, came = Run(seed=7, epoch=2).to_state(), []
    for readers, lengths in [*stretches, (last, [total] * 5)]:
        states = []
        for reader in range(readers):
            run = Run.from_state(json.loads(json.dumps(state))).shared_by(readers)
            taken, run = read(run, reader, total, lengths[reader])
            came += taken
            states.append(run.to_state())
        state = merged(states)
    assert sorted(came) == list(range(total))


def test_a_reader_goes_on_from_its_own_state_alone():
    run = Run().shared_by(4)
    first, run = read(run, 2, 40, 3)
    rest, _ = read(Run.from_state(run.to_state()).shared_by(4), 2, 40, 40)
    assert first + rest == list(range(2, 40, 4))


def test_another_number_of_readers_needs_the_states_of_all():
    _, run = read(Run().shared_by(2), 1, 40, 3)
    with pytest.raises(ValueError, match="merge the states of all, 0 is missing"):
        run.shared_by(3)


def test_states_of_different_runs_are_not_merged():
    with pytest.raises(ValueError, match="of one run"):
        merged([Run(epoch=0).to_state(), Run(epoch=1).to_state()])
    with pytest.raises(ValueError, match="at least one"):
        merged([])


def test_another_versions_state_is_refused():
    with pytest.raises(ValueError, match="another version"):
        Run.from_state({"version": 2})
