"""kill -9 at random moments: every acknowledged record is there exactly once, every retry gives exactly one."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cluster import Cluster
from tests.faults.clients import Crowd, Memory, assert_each_promise_kept_once, retry_unanswered
from tests.faults.server import Server, audit

CALLERS = 8


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> list[str]:
    """The options that name an empty database."""
    if request.param == "sqlite":
        return []
    new: Callable[[], str] = request.getfixturevalue("postgres")
    return ["--database", new()]


def assert_clean(home: Path, database: list[str]) -> None:
    done = audit(home, *database)
    assert done.returncode == 0, done.stdout + done.stderr


def killed_under_load(server: Server, memory: Memory, name: str, seconds: float) -> None:
    """Let callers record for so long, then kill the server under them."""
    with Crowd(server, memory, name, CALLERS):
        server.ends_within(seconds)
        server.kill()


def answered_under_load(server: Server, memory: Memory, records: int) -> None:
    """Let callers record until so many records are acknowledged, however slow the machine is."""
    deadline = time.monotonic() + 60
    while len(memory.acknowledged) < records:
        assert time.monotonic() < deadline, f"only {len(memory.acknowledged)} of {records} records acknowledged"
        assert not server.ends_within(0.05), "the server is gone"


@pytest.mark.slow
def test_a_killed_server_forgets_nothing_and_doubles_nothing(bare_home, database, full):
    rounds = (200 if not database else 40) if full else (3 if not database else 2)
    memory, chance, checked = Memory(), random.Random(), 0
    for n in range(rounds):
        if chance.random() < 0.2:  # a start is no safer moment than any other
            server = Server.start(bare_home, *database)
            server.ends_within(chance.uniform(0, 1.2))
            server.kill()
        server = Server.start(bare_home, *database).wait_until_ready()
        retry_unanswered(server, memory)
        checked = assert_each_promise_kept_once(server, memory, since=checked)
        killed_under_load(server, memory, f"round-{n}", chance.uniform(0.02, 0.5))
        if n % 10 == 0 or n == rounds - 1:
            assert_clean(bare_home, database)
    server = Server.start(bare_home, *database).wait_until_ready()
    retry_unanswered(server, memory)
    assert_each_promise_kept_once(server, memory)
    assert server.stop() == 0
    assert_clean(bare_home, database)
    assert len(memory.promised) > rounds
    assert memory.refused == []


@pytest.mark.slow
def test_two_servers_on_one_store_share_one_chain_and_one_survives_the_other(home, database, full):
    memory = Memory()
    survivor = Server.start(home, *database).wait_until_ready()
    for n in range(20 if full else 2):
        other = Server.start(home, *database).wait_until_ready()
        with Crowd(survivor, memory, f"survivor-{n}", CALLERS):
            killed_under_load(other, memory, f"other-{n}", 0.5)
            survivor.ends_within(0.2)
    retry_unanswered(survivor, memory)
    assert_each_promise_kept_once(survivor, memory)
    assert survivor.stop() == 0
    assert_clean(home, database)
    assert memory.refused == []
    for name in ("survivor", "other"):
        assert sum(once.startswith(name) for once in memory.acknowledged) >= 2 * CALLERS


@pytest.mark.slow
def test_two_servers_that_start_at_once_on_an_empty_home_make_one_log(bare_home, database):
    memory = Memory()
    both = [Server.start(bare_home, *database) for _ in range(2)]
    for n, server in enumerate(both):
        with Crowd(server.wait_until_ready(), memory, f"server-{n}", 2):
            answered_under_load(server, memory, 10 * (n + 1))
    assert_each_promise_kept_once(both[0], memory)
    assert [server.stop() for server in both] == [0, 0]
    assert_clean(bare_home, database)
    assert memory.refused == []


@pytest.fixture
def lone_database(postgres_programs: Path) -> Iterator[str]:
    """The only database of its cluster: recovery goes through whatever all others wrote since the last checkpoint."""
    with Cluster.running(postgres_programs) as cluster:
        yield cluster.new_database()


@pytest.mark.slow
def test_a_crash_of_the_database_server_is_outlived(home, lone_database, full):
    dsn, memory = lone_database, Memory()
    server = Server.start(home, "--database", dsn).wait_until_ready()
    for n in range(20 if full else 2):
        with Crowd(server, memory, f"round-{n}", CALLERS):
            server.ends_within(0.3)
            crash_backend(dsn)  # the postmaster throws out every connection and recovers from its log
            server.ends_within(0.5)
        server.wait_until_ready()
        memory_after_outage(memory)
        retry_unanswered(server, memory)
    assert_each_promise_kept_once(server, memory)
    assert server.stop() == 0
    assert_clean(home, ["--database", dsn])
    assert len(memory.promised) >= CALLERS


def crash_backend(dsn: str) -> None:
    """SIGKILL one of the server's connections, as the kernel does when memory runs out."""
    with psycopg.connect(dsn) as connection:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        pids = [pid for (pid,) in connection.execute(others)]
    os.kill(pids[0], 9)


def memory_after_outage(memory: Memory) -> None:
    """During the outage callers may be told `unavailable`, and nothing else."""
    assert all(refusal.startswith("503") and "'unavailable'" in refusal for refusal in memory.refused), memory.refused[
        :3
    ]
    memory.refused.clear()
