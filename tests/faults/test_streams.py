"""Streams under kills and failing disks: nothing that left is without its entry, and a cursor goes on exactly."""

import errno
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import iotrace
from tests.faults.data import ARROW, NDJSON, PAGES, ROWS, Reader, make_dataset, open_session, record_id, released, send
from tests.faults.iotrace import Calls, Faults
from tests.faults.server import Server, audit

EVERY = [record_id(number) for number in range(ROWS)]
MEDIA = [pytest.param(PAGES, id="pages"), pytest.param(ARROW, id="arrow"), pytest.param(NDJSON, id="ndjson")]


def read_and_kill(server: Server, reader: Reader, seconds: float) -> None:
    """Read while somebody kills the server."""
    killing = threading.Timer(seconds, server.kill)
    killing.start()
    reader.read(server)
    killing.join()


def assert_all_in_the_ledger(server: Server, reader: Reader, *, batch: int) -> None:
    """What the reader saw was released; a reader of batches is at most one batch of bytes and one behind the ledger."""
    releases = released(server, reader.session)
    given = set().union(*(records for _, records in releases))
    assert reader.seen <= given
    assert all(len(records) <= batch for _, records in releases)


@pytest.mark.slow
@pytest.mark.parametrize("media", MEDIA)
def test_a_killed_server_has_released_all_that_it_sent_and_cursors_go_on(home, media, full):
    chance, server = random.Random(), Server.start(home).wait_until_ready()
    dataset = make_dataset(server)
    for _ in range(30 if full else 1):
        reader = Reader(open_session(server, dataset), media, batch=100)
        for _ in range(2):
            read_and_kill(server, reader, chance.uniform(0.01, 0.15))
            server = Server.start(home).wait_until_ready()
            if media == NDJSON:  # lines have no cursors: what came is what the dataset begins with
                assert reader.kept == EVERY[: len(reader.kept)]
                break
        if media != NDJSON:
            reader.read(server)
            assert (reader.whole, reader.kept) == (True, EVERY)
        assert_all_in_the_ledger(server, reader, batch=100 if media != NDJSON else ROWS)
    assert server.stop() == 0
    assert audit(home).returncode == 0


# ---------------------------------------------------------------------------- a ledger that cannot be written


@dataclass
class Disturbed:
    """A server with a dataset and a session that has been read from, whose system calls can be made to fail.

    It lives through all of it; afterwards its whole log must be clean.
    """

    server: Server
    faults: Faults
    session: str


@pytest.fixture(scope="module")
def disturbed(make_home: Callable[[Path], Path], tmp_path_factory, library: Path) -> Iterator[Disturbed]:
    place = tmp_path_factory.mktemp("disturbed")
    home, faults = make_home(place), Faults(place / "faults")
    server = Server.start(home, environment=iotrace.environment(library, home, faults=faults.file)).wait_until_ready()
    session = open_session(server, make_dataset(server))
    for method, path, body, media in ASKED:  # what is only read later must not have to be opened then
        assert ask(server, session, method, path, body, media)[0] == 200
    yield Disturbed(server, faults, session)
    faults.clear()
    assert server.stop() == 0
    assert audit(home).returncode == 0


ASKED = [
    ("GET", "stream?batch_size=100", None, PAGES),
    ("GET", "stream", None, ARROW),
    ("GET", "stream", None, NDJSON),
    ("GET", "stream", None, "text/csv"),
    ("GET", f"records/{record_id(7)}", None, PAGES),
    ("POST", "filter", b'{"filter": {"age": 7}}', PAGES),
    ("POST", "aggregate", b'{"pipeline": [{"$count": "n"}]}', PAGES),
    ("POST", "operations", b'{"operation_type": "TRAIN", "records": []}', PAGES),
]


def ask(server: Server, session: str, method: str, path: str, body: bytes | None, media: str) -> tuple[int, bytes]:
    headers = {"Accept": media, "Content-Type": "application/json"}
    return send(server, method, f"/v1/sessions/{session}/{path}", body, headers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "error"),
    [
        pytest.param(Calls.WRITE | Calls.OPEN | Calls.TRUNCATE, errno.ENOSPC, id="full"),
        pytest.param(Calls.CHANGING, errno.EROFS, id="read-only"),
        pytest.param(Calls.SYNC, errno.EIO, id="broken"),
    ],
)
def test_no_byte_of_data_leaves_while_the_ledger_cannot_be_written(disturbed: Disturbed, calls, error):
    disturbed.faults.arm(calls, sticky=True, error=error)
    for method, path, body, media in ASKED:
        status, answer = ask(disturbed.server, disturbed.session, method, path, body, media)
        assert (status, b'"unavailable"' in answer) == (503, True), (path, media, answer)
        assert b"rec_0" not in answer
        assert len(answer) < 1_000
    disturbed.faults.clear()
    while ask(disturbed.server, disturbed.session, *ASKED[0])[0] == 503:
        assert not disturbed.server.ends_within(0.05)
    for method, path, body, media in ASKED:
        assert ask(disturbed.server, disturbed.session, method, path, body, media)[0] == 200, path


@pytest.mark.slow
def test_a_disk_that_fails_under_a_stream_cuts_it_behind_a_released_batch(disturbed: Disturbed, full):
    for synced in range(2, ROWS // 100 - 2, 3) if full else [2]:
        reader = Reader(open_session(disturbed.server, "patients"), ARROW, batch=100)
        disturbed.faults.arm(Calls.SYNC, skip=synced, sticky=True, error=errno.EIO)
        reader.read(disturbed.server)
        disturbed.faults.clear()
        assert not reader.whole
        assert len(reader.kept) < ROWS
        while not disturbed.server.is_ready():
            assert not disturbed.server.ends_within(0.05)
        assert_all_in_the_ledger(disturbed.server, reader, batch=100)
        reader.read(disturbed.server)
        assert (reader.whole, reader.kept) == (True, EVERY)
