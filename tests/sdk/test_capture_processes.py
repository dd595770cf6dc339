"""Capturing in processes that die, fork, and share a spool; against the real server."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import xase

CAPTURING = """
import itertools, json, os, sys
import xase
options, model_id, name, count = json.loads(sys.argv[1])
client = xase.Client(**options)
for n in itertools.islice(itertools.count(), count):
    client.records.capture(model_id=model_id, input={"n": n}, output={}, transaction_id=f"{name}-{n}")
    os.write(1, f"{name}-{n}\\n".encode())
"""

FORKING = """
import json, os, sys
import xase
options, model_id = json.loads(sys.argv[1])
client = xase.Client(**options)

def capture(name):
    for n in range(50):
        client.records.capture(model_id=model_id, input={"n": n}, output={}, transaction_id=f"{name}-{n}")

capture("before")
child = os.fork()
capture("child" if child == 0 else "parent")
left = client.records.flush(60)
client.close()
if child == 0:
    os._exit(left)
sys.exit(left or os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def start(program, *arguments):
    """Run a program of these tests in an interpreter of its own."""
    options = json.dumps(arguments, default=str)
    command = [sys.executable, "-W", "ignore", "-c", program, options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sync(options):
    """Deliver what is left in the spool, from this process."""
    with xase.Client(**options) as client:
        client.records.sync(timeout=120)
        assert client.records.spool.waiting == 0
        assert client.records.spool.rejected == 0


def kill_after(process, lines):
    """Read so many acknowledgements, kill the process, and answer all that it gave."""
    acknowledged = [process.stdout.readline().strip() for _ in range(lines)]
    process.kill()
    rest = process.stdout.read().split("\n")[:-1]  # what follows the last newline was cut off
    process.stderr.close()
    process.stdout.close()
    process.wait()
    return acknowledged + rest


def assert_each_once(acknowledged, stored):
    counts = Counter(stored)
    assert [name for name, count in counts.items() if count != 1] == []
    assert set(acknowledged) <= set(stored)


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_and_repeats_nothing(options, model_id, on_server):
    lengths = [random.randint(1, 400) for _ in range(200)] if os.environ.get("XASE_FAULTS") == "full" else [1, 40, 700]
    acknowledged = []
    for n, length in enumerate(lengths):
        acknowledged += kill_after(start(CAPTURING, options, model_id, f"round{n}", None), length)
        if n % 5 == 0:
            sync(options)
    sync(options)
    assert_each_once(acknowledged, on_server(model_id))


def test_processes_that_share_a_spool_deliver_each_decision_once(options, model_id, on_server):
    processes = [start(CAPTURING, options, model_id, name, 200) for name in ("a", "b", "c")]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    sync(options)
    stored = on_server(model_id)
    assert sorted(stored) == sorted(f"{name}-{n}" for name in "abc" for n in range(200))
    for name in "abc":
        assert [each for each in stored if each.startswith(name)] == [f"{name}-{n}" for n in range(200)]


def test_a_process_that_ends_has_delivered_what_it_could(options, model_id, on_server):
    process = start(CAPTURING, {**options}, model_id, "p", 20)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert len(on_server(model_id)) == 20


def test_a_forked_process_captures_on_its_own(options, model_id, on_server):
    process = start(FORKING, options, model_id)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    stored = on_server(model_id)
    assert Counter(stored) == Counter(f"{name}-{n}" for name in ("before", "parent", "child") for n in range(50))


def test_a_spool_is_picked_up_by_the_next_process_without_being_asked(options, model_id, on_server):
    acknowledged = kill_after(start(CAPTURING, options, model_id, "first", None), 100)
    _, errors = start(CAPTURING, options, model_id, "second", 1).communicate(timeout=120)
    assert errors == ""
    sync(options)
    assert_each_once([*acknowledged, "second-0"], on_server(model_id))


def test_the_spool_lies_where_it_was_told(options, model_id):
    start(CAPTURING, options, model_id, "p", 1).communicate(timeout=120)
    assert Path(options["spool"]).exists()
