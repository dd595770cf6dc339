"""The thread that interrupts queries whose time is up."""

import threading

from xase_server.engines.duckdb.watchdog import Watchdog


class Running:
    """Notes that it was interrupted."""

    def __init__(self) -> None:
        self.times = 0
        self.interrupted = threading.Event()

    def interrupt(self) -> None:
        self.times += 1
        self.interrupted.set()


def test_what_runs_too_long_is_interrupted_until_it_ends():
    watchdog, slow = Watchdog(), Running()
    with watchdog.watching(slow, 0.0):
        for _ in range(2):
            assert slow.interrupted.wait(5)
            slow.interrupted.clear()
    assert slow.times >= 2


def test_a_short_deadline_is_kept_while_a_long_one_is_waited_for():
    watchdog, slow, patient = Watchdog(), Running(), Running()
    with watchdog.watching(patient, 60), watchdog.watching(slow, 0.02):
        assert slow.interrupted.wait(5)
    assert patient.times == 0


def test_what_has_ended_is_interrupted_no_more():
    watchdog, done, other = Watchdog(), Running(), Running()
    with watchdog.watching(done, 0.0):
        assert done.interrupted.wait(5)
    ended = done.times
    with watchdog.watching(other, 0.0):
        assert other.interrupted.wait(5)
    assert done.times == ended
