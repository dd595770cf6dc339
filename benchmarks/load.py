"""A closed-loop HTTP load: keep-alive connections that each send, wait for the whole answer, and send again.

One thread around `select.epoll`, no event loop and no client library, so that a round trip costs the generator a
few microseconds. `Load.busy` says how much of its core it used: well under 1 means the server was the limit.
"""

import itertools
import os
import select
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
"""Those that this process began with."""


class Unexpected(Exception):
    """An answer that is not a success."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run saw. Latencies are in seconds, sorted."""

    seconds: float
    latencies: Sequence[float]
    busy: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        """The median latency."""
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        """The latency that one answer in a hundred exceeds."""
        return self.latencies[int(len(self.latencies) * 0.99)]


def request(method: str, path: str, key: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


def _complete(data: bytes) -> bool:
    """Whether the answer has arrived whole; raises Unexpected unless it is a 2xx."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    if data[9:10] != b"2":
        raise Unexpected(data[:2000].decode(errors="replace"))
    at = data.lower().find(b"content-length:", 0, end)
    return len(data) >= end + 4 + int(data[at + 15 : data.find(b"\r\n", at)])


class _Connections:
    """The open connections, each with the answer it has received so far and when it asked."""

    def __init__(self, port: int, count: int) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._asked: dict[int, float] = {}
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def run(self, requests: Iterator[bytes], until: float) -> list[float]:
        """Ask on every connection until the moment has come; the latencies of all answers."""
        latencies: list[float] = []
        for number in self._sockets:
            self._ask(number, next(requests))
        while self._asked:
            for number, _ in self._poll.poll():
                data = self._received[number] + self._sockets[number].recv(1 << 18)
                if not _complete(data):
                    self._received[number] = data
                    continue
                now = time.perf_counter()
                latencies.append(now - self._asked.pop(number))
                if now < until:
                    self._ask(number, next(requests))
        return latencies

    def _ask(self, number: int, data: bytes) -> None:
        self._received[number] = b""
        self._asked[number] = time.perf_counter()
        self._sockets[number].sendall(data)

    def close(self) -> None:
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()


def drive(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send the requests in turn, over and over, for so long. Raises Unexpected at the first refusal."""
    everyone = _Connections(port, connections)
    try:
        source = itertools.cycle(requests)
        started, cpu = time.perf_counter(), time.process_time()
        latencies = everyone.run(source, started + seconds)
        elapsed = time.perf_counter() - started
        return Load(elapsed, sorted(latencies), (time.process_time() - cpu) / elapsed)
    finally:
        everyone.close()


def pin(process: int, core: int) -> None:
    """Keep a process (0: this one), with all threads that it has, on one core, where the machine allows it."""
    if len(_CORES) > 1:
        for thread in Path(f"/proc/{process or 'self'}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {_CORES[core % len(_CORES)]})
