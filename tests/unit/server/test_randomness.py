"""Random bytes from stock: each given out once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from xase_server.domain.randomness import Randomness


def test_as_many_bytes_as_asked_for():
    randomness = Randomness()
    assert [len(randomness.take(count)) for count in (0, 1, 8, 32, 65_535, 65_536, 200_000, 1)] == [
        0,
        1,
        8,
        32,
        65_535,
        65_536,
        200_000,
        1,
    ]


def test_no_bytes_are_given_twice_to_any_thread():
    randomness = Randomness()
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: randomness.take(16), range(20_000)))
    assert len(set(taken)) == 20_000


FORKING = """
import os, sys
from xase_server.domain.randomness import random_bytes
random_bytes(1)
child = os.fork()
sys.stdout.write(random_bytes(32).hex() + "\\n")
sys.stdout.flush()
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_process_goes_on_with_bytes_of_its_own():
    run = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    ours, theirs = run.stdout.split()
    assert len(ours) == len(theirs) == 64
    assert ours != theirs
