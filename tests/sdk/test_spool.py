"""The spool's file and its delivery, with the network's part played by a function."""

import json
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xase
from xase._client.config import SpoolLimits
from xase._client.spool import schema
from xase._client.spool.courier import drain
from xase._client.spool.delivery import Verdict, deliver_next, judge
from xase._client.spool.lock import DeliveryLock
from xase._client.spool.store import SERVER_REMEMBERS_MS, Spool

SERVER = "http://host/v1"


def open_spool(path, *, key="key-a", wait_for_disk=True, server=SERVER, **limits):
    return Spool(path, server=server, key=key, limits=SpoolLimits(**limits), wait_for_disk=wait_for_disk)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    opened = open_spool(path)
    yield opened
    opened.close()


class Server:
    """Stores each batch once for each idempotency key, all or nothing, and refuses what is poisoned."""

    def __init__(self):
        self.stored = []
        self.answered = {}
        self.requests = []
        self.fault = None

    def send(self, content, key):
        self.requests.append((key, content))
        records = json.loads(content)["records"]
        if self.fault is not None:
            self.fault(self, key, records)
        self.store(key, records)

    def store(self, key, records):
        if any(record.get("poisoned") for record in records):
            raise xase.ValidationFailed("Invalid request body", details=[{"field": "records.0.input", "message": "no"}])
        if key not in self.answered:
            self.answered[key] = records
            self.stored += [record["n"] for record in records]

    def organisation(self):
        return "org_a"

    def close(self):
        pass


@pytest.fixture
def server():
    return Server()


def fill(spool, numbers, **more):
    return [spool.add(json.dumps({"n": n, **more}).encode()) for n in numbers]


def drain_all(spool, server):
    return drain(spool, server, lambda: False)


def test_what_was_added_is_delivered_once_in_order(spool, server):
    fill(spool, range(10))
    assert drain_all(spool, server) == 10
    assert server.stored == list(range(10))
    assert spool.state().waiting == 0


def test_a_batch_is_bounded_in_number_and_bytes(path, server):
    spool = open_spool(path, batch_items=3, batch_bytes=10_000)
    fill(spool, range(7))
    spool.add(json.dumps({"n": 7, "x": "y" * 20_000}).encode())
    fill(spool, [8])
    drain_all(spool, server)
    assert [len(json.loads(content)["records"]) for _, content in server.requests] == [3, 3, 1, 1, 1]
    spool.close()


def test_an_empty_spool_asks_the_server_nothing(spool, server):
    assert drain_all(spool, server) == 0
    assert server.requests == []


def test_a_full_spool_says_so_and_takes_nothing(path):
    spool = open_spool(path, items=2)
    fill(spool, range(2))
    with pytest.raises(xase.SpoolFull):
        fill(spool, [2])
    assert spool.state().waiting == 2
    spool.close()


def test_bytes_are_bounded_too(path):
    spool = open_spool(path, bytes=100)
    spool.add(b"x" * 60)
    with pytest.raises(xase.SpoolFull):
        spool.add(b"x" * 41)
    spool.add(b"x" * 40)
    assert spool.state().bytes == 100
    spool.close()


def test_room_is_made_by_delivery(path, server):
    spool = open_spool(path, items=2)
    fill(spool, range(2))
    drain_all(spool, server)
    fill(spool, range(2, 4))
    assert spool.state().waiting == 2
    spool.close()


def test_a_lost_answer_is_followed_by_the_same_batch_under_the_same_key(spool, server):
    def lose(server, key, records):
        server.fault = None
        server.store(key, records)
        raise xase.ConnectionLost("no answer")

    server.fault = lose
    fill(spool, range(5))
    with pytest.raises(xase.ConnectionLost):
        drain_all(spool, server)
    fill(spool, range(5, 8))
    drain_all(spool, server)
    assert server.stored == list(range(8))
    assert server.requests[0] == server.requests[1]


def test_a_process_that_ends_after_sending_repeats_the_batch_unchanged(path, spool, server):
    fill(spool, range(3))
    sent = spool.next_batch()
    server.send(sent.content, sent.id)
    fill(spool, [3])
    again = open_spool(path)
    drain_all(again, server)
    assert server.stored == [0, 1, 2, 3]
    assert server.requests[0] == server.requests[1]
    again.close()


def test_poisoned_decisions_are_set_aside_and_the_rest_is_delivered(spool, server):
    fill(spool, range(10))
    (bad,) = fill(spool, [10], poisoned=True)
    fill(spool, range(11, 20))
    drain_all(spool, server)
    assert sorted(server.stored) == [n for n in range(20) if n != 10]
    (rejected,) = spool.rejected(10)
    assert (rejected.id, rejected.status, rejected.slug) == (bad, 400, "validation_error")
    assert json.loads(rejected.body)["n"] == 10
    assert spool.state().rejected == 1


def test_a_rejected_decision_can_be_resubmitted_or_discarded(spool, server):
    one, other = fill(spool, range(2), poisoned=True)
    drain_all(spool, server)
    assert spool.resubmit(one)
    assert not spool.resubmit(one)
    assert spool.state().waiting == 1
    assert spool.discard(other)
    assert not spool.discard(other)
    assert spool.state().rejected == 0


def test_only_the_rejected_can_be_discarded(spool):
    (waiting,) = fill(spool, [1])
    assert not spool.discard(waiting)
    assert spool.state().waiting == 1


def test_the_rejected_count_towards_the_bounds(path, server):
    spool = open_spool(path, items=1)
    fill(spool, [1], poisoned=True)
    drain_all(spool, server)
    with pytest.raises(xase.SpoolFull):
        fill(spool, [2])
    spool.close()


@pytest.mark.parametrize(
    "error",
    [
        xase.AuthenticationFailed("no"),
        xase.AuthorizationFailed("no"),
        xase.NotFound("no"),
        xase.RateLimitExceeded("no"),
        xase.Unavailable("no"),
        xase.ConnectionFailed("no"),
        xase.Timeout("no"),
        xase.UnexpectedAnswer("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_the_decisions_fault_keeps_them(spool, server, error):
    def refuse(server, key, records):
        raise error

    server.fault = refuse
    fill(spool, range(3))
    with pytest.raises(type(error)):
        drain_all(spool, server)
    assert spool.state().waiting == 3
    server.fault = None
    drain_all(spool, server)
    assert server.stored == [0, 1, 2]


def test_a_reused_key_is_never_split(spool, server):
    def mismatch(server, key, records):
        raise xase.IdempotencyMismatch("other content")

    server.fault = mismatch
    fill(spool, range(3))
    drain_all(spool, server)
    assert spool.state().rejected == 3
    assert len(server.requests) == 1


def age(path, ms):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batches SET sent_ms = sent_ms - ?", (ms,))
    connection.close()


def timeout(server, key, records):
    raise xase.Timeout("no answer")


def test_a_batch_the_server_may_have_forgotten_is_set_aside_not_repeated(path, spool, server):
    server.fault = timeout
    fill(spool, range(2))
    with pytest.raises(xase.Timeout):
        drain_all(spool, server)
    age(path, SERVER_REMEMBERS_MS + 1)
    server.fault = None
    drain_all(spool, server)
    assert server.stored == []
    assert {item.slug for item in spool.rejected(10)} == {"delivery_uncertain"}


def test_a_batch_that_certainly_did_not_arrive_is_repeated_however_old(path, spool, server):
    def unreachable(server, key, records):
        raise xase.ConnectionFailed("no network")

    server.fault = unreachable
    fill(spool, range(2))
    with pytest.raises(xase.ConnectionFailed):
        drain_all(spool, server)
    age(path, 10 * SERVER_REMEMBERS_MS)
    server.fault = None
    drain_all(spool, server)
    assert server.stored == [0, 1]


def test_another_key_never_repeats_a_batch_in_doubt(path, spool, server):
    spool.learn_owner("org_a")
    server.fault = timeout
    fill(spool, range(2))
    with pytest.raises(xase.Timeout):
        drain_all(spool, server)
    server.fault = None
    rotated = open_spool(path, key="key-b")
    drain_all(rotated, server)
    assert {item.slug for item in rotated.rejected(10)} == {"delivery_uncertain"}
    rotated.close()


def test_a_rotated_key_delivers_for_its_predecessor(path, spool, server):
    spool.learn_owner("org_a")
    fill(spool, range(2))
    rotated = open_spool(path, key="key-b")
    drain_all(rotated, server)
    assert server.stored == [0, 1]
    rotated.close()


def test_decisions_of_another_organisation_are_left_alone(path, spool, server):
    spool.learn_owner("org_b")
    fill(spool, range(2))
    other = open_spool(path, key="key-of-org-a")
    drain_all(other, server)
    assert server.stored == []
    assert (other.state().waiting, other.state().foreign) == (0, 2)
    assert spool.state().waiting == 2
    other.close()


def test_a_spool_belongs_to_one_server(path, spool):
    with pytest.raises(xase.ConfigurationError, match="not for http://elsewhere"):
        open_spool(path, server="http://elsewhere/v1")


def test_a_spool_of_another_version_is_refused(path, spool):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(xase.ConfigurationError, match="another version"):
        open_spool(path)


def test_what_is_no_spool_is_refused(path):
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(xase.SpoolError):
        open_spool(path)


def test_only_its_owner_can_read_the_spool(path, spool):
    fill(spool, [1])
    files = list(path.parent.iterdir())
    assert len(files) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in files} == {0}


def test_delivered_content_does_not_stay_in_the_file(path, spool, server):
    fill(spool, [1], name="Ada Lovelace")
    drain_all(spool, server)
    spool.close()
    assert b"Ada Lovelace" not in path.read_bytes()


def test_one_deliverer_at_a_time(path):
    one, other = DeliveryLock(path), DeliveryLock(path)
    assert one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    other.release()


def hold(path, held, go):
    assert DeliveryLock(Path(path)).acquire()
    held.set()
    go.wait()
    os._exit(9)


def test_the_lock_of_a_dead_process_is_free(path):
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    process = context.Process(target=hold, args=(str(path), held, go))
    process.start()
    assert held.wait(60)
    lock = DeliveryLock(path)
    assert not lock.acquire()
    go.set()
    process.join(60)
    assert lock.acquire()
    lock.release()


def test_threads_add_at_once_without_loss(path, server):
    spool = open_spool(path, wait_for_disk=False)
    threads = [threading.Thread(target=fill, args=(spool, range(n * 100, n * 100 + 100))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain_all(spool, server)
    assert sorted(server.stored) == list(range(400))
    spool.close()


def test_two_connections_open_a_new_file_at_once(path):
    barrier, faults = threading.Barrier(4), []

    def begin():
        barrier.wait()
        try:
            opened = open_spool(path)
            fill(opened, [1])
            opened.close()
        except xase.XaseError as error:
            faults.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_counts_need_no_scan(path, spool):
    with sqlite3.connect(path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {schema.STATE}", {"key": "k"}).fetchall()
        add = {"id": "i", "key": "k", "body": b"", "now_ms": 0, "max_items": 1, "max_bytes": 1}
        plan += connection.execute(f"EXPLAIN QUERY PLAN {schema.ADD}", add).fetchall()
    connection.close()
    assert not any("items" in step[3] for step in plan)


faults = st.sampled_from(["none", "before", "after", "refuse", "unreachable"])


@settings(max_examples=30, deadline=None)
@given(
    script=st.lists(st.tuples(st.integers(0, 5), faults, st.booleans()), min_size=1, max_size=12),
    poisoned=st.sets(st.integers(0, 40), max_size=4),
    batch_items=st.integers(1, 7),
)
def test_whatever_goes_wrong_each_decision_ends_in_one_place(tmp_path_factory, script, poisoned, batch_items):
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    server, added = Server(), 0
    spool = open_spool(path, batch_items=batch_items)

    def fault(kind):
        def act(server, key, records):
            if kind == "after":
                server.store(key, records)
            raise {
                "before": xase.Timeout("lost on the way there"),
                "after": xase.ConnectionLost("lost on the way back"),
                "refuse": xase.AuthenticationFailed("revoked"),
                "unreachable": xase.ConnectionFailed("down"),
            }[kind]

        return None if kind == "none" else act

    for count, kind, restarts in script:
        for n in range(added, added + count):
            fill(spool, [n], poisoned=n in poisoned)
        added += count
        server.fault = fault(kind)
        with suppress(xase.XaseError):
            deliver_next(spool, server.send)
        if restarts:
            spool.close()
            spool = open_spool(path, batch_items=batch_items)
    server.fault = None
    drain_all(spool, server)
    rejected = [json.loads(item.body)["n"] for item in spool.rejected(1000)]
    assert sorted(server.stored + rejected) == list(range(added))
    assert set(rejected) == poisoned & set(range(added))
    spool.close()


@pytest.mark.parametrize(
    ("error", "size", "verdict"),
    [
        (xase.ValidationFailed("no"), 2, Verdict.SPLIT),
        (xase.ValidationFailed("no"), 1, Verdict.REJECT),
        (xase.PayloadTooLarge("no"), 2, Verdict.SPLIT),
        (xase.Conflict("no"), 1, Verdict.REJECT),
        (xase.IdempotencyInProgress("no"), 1, Verdict.KEEP),
        (xase.IdempotencyMismatch("no"), 9, Verdict.REJECT),
        (xase.InternalError("no"), 1, Verdict.KEEP),
        (xase.DeadlineExceeded("no"), 1, Verdict.KEEP),
        (xase.ConnectionFailed("no"), 1, Verdict.KEEP_UNSENT),
        (xase.RateLimitExceeded("no"), 1, Verdict.KEEP_UNSENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_the_verdict_on_an_unacknowledged_batch(error, size, verdict):
    assert judge(error, size) is verdict


FORKING = """
import os, sys
from pathlib import Path
from xase._client.config import SpoolLimits
from xase._client.spool.store import Spool

def open_spool():
    path = Path(sys.argv[1])
    return Spool(path, server="http://host/v1", key="key-a", limits=SpoolLimits(), wait_for_disk=False)

spool = open_spool()
spool.add(b'"of the parent"')
(from_parent, to_child), (from_child, to_parent) = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(to_child)
    own = open_spool()
    own.add(b'"of the child"')
    os.write(to_parent, b"1")
    os.read(from_parent, 1)  # until the parent has closed what it has
    own.add(b'"of the child, later"')
    os._exit(0)
os.read(from_child, 1)
spool.add(b'"of the parent, later"')
spool.close()
os.close(to_child)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_nothing_is_lost_when_a_parent_closes_the_spool_that_its_child_uses(path):
    done = subprocess.run([sys.executable, "-c", FORKING, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    spool = open_spool(path)
    assert spool.state().waiting == 4
    spool.close()
