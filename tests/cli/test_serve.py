"""`xase-server serve`: ready, running, stopping; alone and beside another."""

import json
import signal
import socket
import stat
import subprocess
import threading
from contextlib import ExitStack

import pytest

import xase
from tests.cli.conftest import BIN, Running, record, start, stop

pytestmark = pytest.mark.slow


@pytest.fixture
def servers():
    """Starts servers that are gone after the test."""
    running = []

    def begin(*arguments) -> Running:
        running.append(start(*arguments))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            stop(server)


def test_the_first_start_says_where_the_keys_are_and_shows_no_secret(servers, tmp_path):
    server = servers(tmp_path / "home")
    secret = server.key
    ended = stop(server)
    assert (ended.code, ended.out) == (0, "")  # one line came before, and it was the last
    assert str(server.key_file) in ended.err
    assert secret not in ended.err
    assert stat.S_IMODE(server.key_file.stat().st_mode) == 0o600


def test_a_later_start_makes_nothing_new(servers, home):
    keys = {file: file.read_bytes() for file in (home / "keys").iterdir()}
    server = servers(home)
    with server.client() as client:
        assert client.records.list().total == 5
    assert stop(server).err == ""
    assert {file: file.read_bytes() for file in (home / "keys").iterdir()} == keys


def test_the_ready_file_holds_the_address(servers, home, tmp_path):
    server = servers(home, "--ready-file", str(tmp_path / "ready"))
    assert (tmp_path / "ready").read_text() == f"{server.address}\n"


def test_settings_come_from_the_environment(home, monkeypatch, servers):
    monkeypatch.setenv("XASE_HOME", "elsewhere")
    monkeypatch.setenv("XASE_RATE_LIMIT", "7")
    with servers(home).client() as client:
        client.whoami()
        for _ in range(6):
            client.whoami()
        with pytest.raises(xase.RateLimitExceeded):
            client.whoami()


def test_a_port_in_use_is_5_and_leaves_no_home(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [BIN / "xase-server", "serve", "--home", tmp_path / "home", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"xase-server: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    assert not (tmp_path / "home").exists()


def test_an_impossible_setting_is_2_and_named(operator, home):
    answer = operator("serve", "--home", home, "--port", "0", "--log-format", "xml")
    assert answer.code == 2
    assert "log_format" in answer.err


def test_keys_that_others_may_read_are_5(operator, home):
    (home / "keys" / "log.pem").chmod(0o644)
    answer = operator("serve", "--home", home, "--port", "0")
    assert (answer.code, "Traceback" in answer.err) == (5, False)
    assert "chmod 600" in answer.err


def test_a_home_that_cannot_be_made_is_5(operator, tmp_path):
    (tmp_path / "file").write_text("")
    answer = operator("serve", "--home", tmp_path / "file" / "home", "--port", "0")
    assert (answer.code, answer.err) == (
        5,
        f"xase-server: {tmp_path / 'file' / 'home'} cannot be made: Not a directory\n",
    )


def test_a_request_is_logged_as_one_line_of_json_when_asked(servers, home):
    server = servers(home, "--log-format", "json", "--log-requests")
    with server.client() as client:
        client.whoami()
    (line,) = stop(server).err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["path"], said["status"]) == ("request", "/v1/whoami", 200)
    assert server.key not in line


def test_what_was_acknowledged_before_a_stop_under_load_is_there_afterwards(servers, home):
    server = servers(home)
    acknowledged, under_way = [], threading.Barrier(9)

    def go_on_recording() -> None:
        with server.client() as client:
            acknowledged.extend(record(client, 1))
            under_way.wait()
            while True:
                try:
                    acknowledged.extend(record(client, 1))
                except (xase.TransportError, xase.Unavailable):
                    return

    recorders = [threading.Thread(target=go_on_recording) for _ in range(8)]
    for each in recorders:
        each.start()
    under_way.wait()
    assert stop(server).code == 0
    for each in recorders:
        each.join()
    with servers(home).client() as client:
        kept = {each.id for each in client.records.list(limit=100)}
    assert set(acknowledged) <= kept


def test_an_interrupt_ends_it_in_good_order(servers, home):
    server = servers(home)
    assert stop(server, signal.SIGINT).code == 0


def test_two_servers_on_one_home_write_one_chain(servers, home):
    with ExitStack() as open_:
        clients = [open_.enter_context(servers(home).client()) for _ in range(2)]
        threads = [threading.Thread(target=lambda c=c: [record(c, 1) for _ in range(20)]) for c in clients]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for client in clients:
            listed = list(client.records.list(order="asc", limit=100))
            assert [each.sequence for each in listed] == list(range(45))
            assert [each.previous_hash for each in listed[1:]] == [each.hash for each in listed[:-1]]


def test_a_server_whose_database_is_behind_its_head_appends_nothing_until_someone_decides(servers, home, operator):
    assert operator("backup", home.with_name("copy"), "--home", home).code == 0
    server = servers(home)
    with server.client() as client:
        record(client, 3)
    stop(server)
    (home / "xase.db").write_bytes((home.with_name("copy") / "xase.db").read_bytes())

    refusing = servers(home)
    with refusing.client() as client:
        assert client.records.list().total == 5
        with pytest.raises(xase.Unavailable):
            record(client, 1)
    assert "Nothing is appended" in stop(refusing).err

    with servers(home, "--accept-head").client() as client:
        record(client, 1)
        assert client.records.list().total == 6
