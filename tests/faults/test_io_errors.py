"""Failing system calls: callers are told `unavailable` or get their answer, and the server mends itself."""

import errno
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.faults import iotrace
from tests.faults.clients import Caller, Memory, assert_each_promise_kept_once, retry_unanswered
from tests.faults.iotrace import Action, Calls, Faults
from tests.faults.server import Server, audit

RECOVERY_SECONDS = 5.0


@dataclass
class Disturbed:
    """A server whose system calls can be made to fail."""

    server: Server
    faults: Faults
    memory: Memory
    caller: Caller = field(init=False)
    test: int = 0

    def record(self, name: str) -> int:
        """Ask for the test's record of this name; the status, and what was promised goes into the memory."""
        return self._ask(f"{self.test}-{name}")

    def _ask(self, once: str) -> int:
        status, answer = self.caller.record(once)
        self.memory.promised[once] = answer["id"] if status == 201 else None
        if status != 201:
            assert status == 503, answer
            assert answer["error"]["code"] == "unavailable", answer
        return status

    def wait_until_ready(self) -> None:
        """Return once the server says that it is ready, although nobody appends anything."""
        attempts = itertools.count()
        while self.caller.ask("GET", "/readyz")[0] != 200:
            assert next(attempts) < RECOVERY_SECONDS / 0.05, self.server.log.read_text()[-4000:]
            assert not self.server.ends_within(0.05)

    def recover(self) -> None:
        """With the fault gone, repeat what was refused until it is taken, without a hand from anyone."""
        self.faults.clear()
        for once in self.memory.unanswered:
            attempts = itertools.count()
            while self._ask(once) != 201:
                assert next(attempts) < RECOVERY_SECONDS / 0.05, self.server.log.read_text()[-4000:]
                assert not self.server.ends_within(0.05)


@pytest.fixture(scope="module")
def sufferer(make_home: Callable[[Path], Path], tmp_path_factory, library: Path) -> Iterator[Disturbed]:
    """One server that lives through all of it; afterwards its whole log must be clean and complete."""
    place = tmp_path_factory.mktemp("sufferer")
    home, faults = make_home(place), Faults(place / "faults")
    server = Server.start(home, environment=iotrace.environment(library, home, faults=faults.file)).wait_until_ready()
    yield Disturbed(server, faults, Memory())
    assert server.stop() == 0
    done = audit(home)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def disturbed(sufferer: Disturbed) -> Iterator[Disturbed]:
    """The server, working; afterwards it works again, and each promise that was made until then is kept."""
    sufferer.test += 1
    with closing(Caller(sufferer.server)) as sufferer.caller:
        sufferer.recover()
        assert sufferer.record("first") == 201
        yield sufferer
        sufferer.recover()
    assert_each_promise_kept_once(sufferer.server, sufferer.memory)


CALL_BY_CALL = [
    pytest.param(Calls.CHANGING, Action.FAIL, errno.EIO, id="a change fails with EIO"),
    pytest.param(Calls.CHANGING, Action.FAIL, errno.ENOSPC, id="a change fails with ENOSPC"),
    pytest.param(Calls.WRITE, Action.HALF, errno.ENOSPC, id="a write is cut short"),
    pytest.param(Calls.SYNC, Action.FAIL, errno.EIO, id="a sync fails with EIO"),
    pytest.param(Calls.READ | Calls.LOCK, Action.FAIL, errno.EIO, id="a read or lock fails with EIO"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("calls", "action", "error"), CALL_BY_CALL)
def test_one_failing_call_of_an_append_is_outlived(disturbed, full, calls, action, error):
    step = 1 if full else 5
    struck = 0
    for skip in itertools.count(0, step):
        disturbed.faults.arm(calls, skip=skip, action=action, error=error)
        disturbed.record(f"call-{skip}")
        hits = disturbed.faults.hits
        disturbed.recover()
        struck += hits
        if not hits:  # the append needed fewer calls than were let through
            break
    assert struck > 0


STATES_OF_A_DISK = [
    pytest.param(Calls.WRITE | Calls.OPEN | Calls.TRUNCATE, errno.ENOSPC, id="full"),
    pytest.param(Calls.CHANGING, errno.EROFS, id="read-only"),
    pytest.param(Calls.CHANGING | Calls.READ, errno.EIO, id="broken"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("calls", "error"), STATES_OF_A_DISK)
@pytest.mark.parametrize("action", [Action.FAIL])
def test_a_disk_that_fails_for_a_while_refuses_and_then_takes_again(disturbed, calls, error, action):
    for skip in (0, 1, 3, 8):
        disturbed.faults.arm(calls, skip=skip, sticky=True, action=action, error=error)
        statuses = [disturbed.record(f"{skip}-{n}") for n in range(5)]
        assert 503 in statuses
        disturbed.recover()


@pytest.mark.slow
def test_what_was_recorded_is_read_while_the_disk_is_full(disturbed):
    disturbed.faults.arm(Calls.WRITE | Calls.TRUNCATE, sticky=True, error=errno.ENOSPC)  # files that are there open
    assert disturbed.record("second") == 503
    status, page = disturbed.caller.ask("GET", "/v1/records")
    assert (status, page["total"]) == (200, len(disturbed.memory.acknowledged))
    disturbed.recover()


@pytest.mark.slow
def test_a_server_that_cannot_write_says_that_it_is_not_ready(disturbed):
    disturbed.faults.arm(Calls.CHANGING, sticky=True, error=errno.EROFS)
    disturbed.record("second")
    assert disturbed.caller.ask("GET", "/healthz")[0] == 200
    assert disturbed.caller.ask("GET", "/readyz")[0] == 503
    disturbed.recover()
    disturbed.wait_until_ready()


@pytest.mark.slow
def test_a_database_that_another_process_locks_is_waited_for_and_then_unavailable(disturbed):
    other = sqlite3.connect(disturbed.server.home / "xase.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert disturbed.record("second") == 503
    other.execute("ROLLBACK")
    other.close()
    disturbed.recover()


@pytest.mark.slow
def test_the_server_dies_at_each_call_of_an_append_and_nothing_is_half_written(home, tmp_path, library, full):
    faults, memory = Faults(tmp_path / "faults"), Memory()
    environment = iotrace.environment(library, home, faults=faults.file)
    server = Server.start(home, environment=environment).wait_until_ready()
    for skip in itertools.count(0, 1 if full else 15):
        faults.arm(Calls.CHANGING, skip=skip, action=Action.KILL_AFTER if skip % 2 else Action.KILL_BEFORE)
        lived = answered(server, memory, f"call-{skip}")
        faults.clear()
        if lived:  # the append needed fewer calls than were let through
            break
        server.kill()
        server = Server.start(home, environment=environment).wait_until_ready()
        retry_unanswered(server, memory)
        assert_each_promise_kept_once(server, memory)
    assert len(memory.promised) > 2
    assert server.stop() == 0
    done = audit(home)
    assert done.returncode == 0, done.stdout + done.stderr


def answered(server: Server, memory: Memory, once: str) -> bool:
    """Whether the server lived long enough to answer."""
    memory.promised[once] = None
    with closing(Caller(server)) as caller:
        try:
            status, answer = caller.record(once)
        except (OSError, HTTPException):
            return False
    assert status == 201, answer
    memory.promised[once] = answer["id"]
    return True
