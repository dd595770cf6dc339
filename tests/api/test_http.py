"""HTTP by hand over a real socket: garbage, slowness, size, pipelining, callers that go away."""

import asyncio
import contextlib
import json
import socket

import anyio
import pytest

from tests.api.conftest import DECISION
from xase_server.services.bundles import Download

BODY = json.dumps(DECISION).encode()


def read_all(connection):
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def read_answer(connection):
    """Status and JSON body of the next answer on the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(headers.get(b"content-length", b"0")):
        body += connection.recv(65536)
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.fixture
def head(listening):
    """The beginning of a POST, up to the headers of its body."""
    lines = ["POST /v1/records HTTP/1.1", "Host: x", f"Authorization: Bearer {listening.site.admin}"]
    return "\r\n".join([*lines, "Content-Type: application/json", ""]).encode()


@pytest.fixture
def alive(listening):
    """Makes sure that the server still answers afterwards, and that nothing was stored meanwhile."""

    def size():
        with listening.connect() as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            status, body = read_answer(connection)
        assert status == 200
        return body["size"]

    before = size()
    yield
    assert size() == before


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"\r\n" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/records HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET /v1/records HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"POST /v1/records HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 200,
        b"GET /%ff%fe%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=range(19),
)
def test_garbage_is_answered_with_a_refusal_or_a_closed_connection(listening, alive, garbage):
    with listening.connect() as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert b"Traceback" not in answer
    assert not answer or answer.split(b" ")[1][:1] in {b"4", b"2", b"5"}
    assert b" 500 " not in answer[:20]
    if b" 400 " in answer[:20]:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"x-request-id: %b\r\n" % json.loads(body)["error"]["request_id"].encode() in head


def test_a_body_that_does_not_arrive_in_time_is_refused(listening, alive, head):
    with listening.connect() as connection:
        connection.sendall(head + b"Content-Length: 100\r\n\r\n" + BODY[:50])
        status, body = read_answer(connection)
    assert status == 408
    assert body["error"]["code"] == "request_timeout"
    assert body["error"]["details"] == {"limit_seconds": 0.5}


def test_a_body_that_drips_in_is_refused_after_the_same_time(listening, alive, head):
    with listening.connect() as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.settimeout(0.05)
        answer = b""
        while b"\r\n\r\n" not in answer:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"1\r\n{\r\n")
            with contextlib.suppress(TimeoutError):
                answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_caller_that_leaves_in_the_middle_of_a_body_stores_nothing(listening, alive, head):
    for sent in (b"", BODY[:10]):
        with listening.connect() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(BODY) + sent)


def test_an_endless_body_is_refused_at_the_limit(listening, alive, head):
    with listening.connect() as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(40):
                connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            answer = connection.recv(65536)
    assert not answer or answer.startswith(b"HTTP/1.1 413")


def test_a_body_of_5_mb_over_the_wire_is_refused(listening, alive, head):
    with listening.connect() as connection:
        connection.sendall(head + b"Content-Length: 5000000\r\n\r\n")
        status, body = read_answer(connection)
    assert status == 413
    assert body["error"]["details"] == {"limit_bytes": 1 << 20}


def test_a_body_in_chunks_is_read(listening, head):
    with listening.connect() as connection:
        pieces = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert read_answer(connection)[0] == 201


def test_a_client_that_waits_for_100_continue_is_served(listening, head):
    with listening.connect() as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(BODY)
        assert read_answer(connection)[0] == 201


def test_a_refused_client_that_waits_for_100_continue_need_not_send(listening, alive):
    with listening.connect() as connection:
        connection.sendall(
            b"POST /v1/records HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
        )
        assert read_answer(connection)[0] == 401


def test_requests_sent_at_once_are_answered_in_order(listening, head):
    request = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with listening.connect() as connection:
        connection.sendall(request * 5 + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 201") == 5
    assert answers.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize("garbage", [b"\xff", b"\x00", b"a\tb", b"\x7f"])
def test_strange_bytes_in_headers_do_not_kill_the_server(listening, alive, garbage):
    for header in (b"Authorization: Bearer ", b"X-API-Key: ", b"Idempotency-Key: ", b"Accept: ", b"If-None-Match: "):
        with listening.connect() as connection:
            connection.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: x\r\n" + header + garbage + b"\r\n\r\n")
            assert connection.recv(65536).split(b" ")[1] in {b"400", b"401"}


async def test_a_caller_that_leaves_a_download_stops_its_making(listening, monkeypatch):
    """The pieces never end by themselves: only the caller's leaving ends them."""
    made, ended = 0, anyio.Event()
    loop = asyncio.get_running_loop()

    async def pieces():
        nonlocal made
        try:
            while True:
                made += 1
                yield b"x" * 65536
        finally:
            loop.call_soon_threadsafe(ended.set)

    async def download(_who, _identifier):
        return Download(size=1 << 40, sha256="0" * 64, chunks=pieces())

    monkeypatch.setattr(listening.site.app.services.bundles, "download", download, raising=False)
    request = (
        "GET /v1/evidence/bundles/bundle_0000000000000000/download HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {listening.site.admin}\r\n\r\n"
    )
    with listening.connect() as connection:
        connection.sendall(request.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")
    with anyio.fail_after(10):
        await ended.wait()
    assert made < 10_000
