"""The background thread, with the way to the server played by a function."""

import threading
from contextlib import contextmanager

import pytest

import xase
from xase._client.config import SpoolLimits
from xase._client.spool.courier import Courier
from xase._client.spool.lock import DeliveryLock
from xase._client.spool.store import Spool


class Way:
    """A way to the server that is open or not; `tried` is set at each attempt."""

    def __init__(self):
        self.is_open = threading.Event()
        self.tried = threading.Semaphore(0)
        self.attempts = 0
        self.delivered = threading.Event()

    def send(self, content, key):
        self.attempts += 1
        self.tried.release()
        if not self.is_open.is_set():
            raise xase.Unavailable("down", retry_after=3600)
        self.delivered.set()

    def organisation(self):
        return "org_a"

    def close(self):
        pass


@pytest.fixture
def way():
    return Way()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@contextmanager
def opened(path):
    spool = Spool(path, server="http://host/v1", key="k", limits=SpoolLimits(), wait_for_disk=False)
    try:
        yield spool
    finally:
        spool.close()


@contextmanager
def running(path, way):
    def open_spool():
        return Spool(path, server="http://host/v1", key="k", limits=SpoolLimits(), wait_for_disk=True)

    courier = Courier(open_spool, lambda: way, DeliveryLock(path))
    try:
        yield courier
    finally:
        courier.stop(60)


def test_it_delivers_what_an_earlier_process_left(path, way):
    with opened(path) as spool:
        spool.add(b"{}")
    way.is_open.set()
    with running(path, way):
        assert way.delivered.wait(60)


def test_new_decisions_do_not_cut_its_pause_short(path, way):
    with opened(path) as spool, running(path, way) as courier:
        spool.add(b"{}")
        courier.wake()
        assert way.tried.acquire(timeout=60)
        for _ in range(50):
            spool.add(b"{}")
            courier.wake()
        assert not way.tried.acquire(timeout=0.3)
        assert way.attempts == 1


def test_somebody_who_waits_cuts_its_pause_short(path, way):
    with opened(path) as spool, running(path, way) as courier:
        spool.add(b"{}")
        courier.wake()
        assert way.tried.acquire(timeout=60)
        way.is_open.set()
        while not way.delivered.is_set():
            courier.wake(hurry=True)
            courier.wait_for_round(0.05)
        assert courier.last_error is None or spool.state().waiting == 0


def test_it_says_once_that_decisions_wait_and_once_that_they_go(path, way, caplog):
    caplog.set_level("INFO", logger="xase.spool")
    with opened(path) as spool, running(path, way) as courier:
        spool.add(b"{}")
        for _ in range(3):
            courier.wake(hurry=True)
            assert way.tried.acquire(timeout=60)
        way.is_open.set()
        while spool.state().waiting or courier.last_error:
            courier.wake(hurry=True)
            courier.wait_for_round(0.05)
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["captured decisions wait", "captured decisions are being delivered again"]


def test_it_begins_again_after_its_file_could_not_be_opened(path, way):
    path.mkdir()
    with running(path, way) as courier:
        while courier.last_error is None:
            courier.wait_for_round(0.01)
        path.rmdir()
        with opened(path) as spool:
            spool.add(b"{}")
            way.is_open.set()
            while not way.delivered.is_set():
                courier.wake()
                way.delivered.wait(0.01)


def test_it_leaves_the_spool_to_another_deliverer(path, way):
    other = DeliveryLock(path)
    assert other.acquire()
    way.is_open.set()
    with opened(path) as spool, running(path, way) as courier:
        spool.add(b"{}")
        courier.wake()
        assert not way.tried.acquire(timeout=0.3)
        other.release()
        assert way.delivered.wait(60)
