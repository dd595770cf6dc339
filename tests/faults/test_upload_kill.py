"""kill -9 while data becomes a version: a version is whole or not there, and sending again makes exactly one."""

import contextlib
import random
import threading

import pytest

import xase
from tests.faults.server import Server, audit
from xase_server.services.recovery import INTERRUPTED

ROWS = 20_000
DATA = b"".join(b'{"n": %d, "who": "p%d"}\n' % (n, n % 97) for n in range(ROWS))
SETTLED = {"READY", "FAILED"}


def client_of(server, **options):
    key = (server.home / "admin.key").read_text().strip()
    return xase.Client(base_url=f"http://127.0.0.1:{server.port}", api_key=key, max_retries=0, **options)


def send(server, name, path):
    """Send the data with the dataset's own idempotency key; the server may be killed meanwhile."""
    with contextlib.suppress(xase.XaseError), client_of(server) as client:
        client.datasets.upload(name, file=path, idempotency_key=f"key-{name}", wait=False)


def assert_whole_or_absent(client, name):
    """The dataset after a start: its version can be read to the last row, or it says that none came."""
    state = client.datasets.get(name)
    assert state.status in SETTLED, state
    if state.status == "READY":
        assert (state.version, state.rows) == (1, ROWS)
        assert client.datasets.profile(name).fields["n"]["max"] == ROWS - 1
    else:
        assert (state.version, state.failure) == (0, INTERRUPTED)


def assert_nothing_is_left(home):
    folder = home / "datasets"
    assert [path for name in (".incoming", ".building") for path in (folder / name).iterdir()] == []


@pytest.mark.slow
def test_a_killed_server_leaves_whole_versions_or_none(home, tmp_path, full):
    rounds, chance = (60 if full else 2), random.Random()
    path = tmp_path / "data.ndjson"
    path.write_bytes(DATA)
    names: list[str] = []
    for n in range(rounds):
        server = Server.start(home).wait_until_ready()
        with client_of(server) as client:
            for name in names:
                assert_whole_or_absent(client, name)
            names.append(f"round-{n}")
            client.datasets.register(name=names[-1])
        sending = threading.Thread(target=send, args=(server, names[-1], path))
        sending.start()
        server.ends_within(chance.uniform(0.05, 3.0))
        server.kill()
        sending.join()
    server = Server.start(home).wait_until_ready()
    assert_nothing_is_left(home)
    with client_of(server) as client:
        for name in names:
            assert_whole_or_absent(client, name)
            send(server, name, path)
            assert client.datasets.wait(name, timeout=60).rows == ROWS
            assert client.datasets.versions(name).total == 1
    assert server.stop() == 0
    done = audit(home)
    assert done.returncode == 0, done.stdout + done.stderr
