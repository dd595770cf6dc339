"""A server with one dataset under a policy, and clients that read it as fast as it answers."""

import json
import os
import select
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pyarrow as pa

from benchmarks.http import Serving, serving
from benchmarks.load import Load, request

ARROW = "application/vnd.apache.arrow.stream"
PAGE = 100
_CURSOR = b'"next_cursor":"'
_POLICY = {"name": "everything", "rules": [{"id": "all", "effect": "permit"}]}


@dataclass(frozen=True, slots=True)
class Holder:
    """Asks one server, as its administrator."""

    server: Serving

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer decoded."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/json"}
        address = f"http://127.0.0.1:{self.server.port}{path}"
        with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method)) as answer:
            return json.load(answer)

    def dataset(self, source: str) -> str:
        """Registers a file of the root `bench` under a policy that permits everything; its id once it is ready."""
        policy = self.ask("POST", "/v1/policies", _POLICY | {"name": source})["id"]
        made = self.ask("POST", "/v1/datasets", {"name": source, "source": f"bench/{source}", "policy_id": policy})
        while made["status"] not in {"READY", "FAILED"}:
            time.sleep(0.1)
            made = self.ask("GET", f"/v1/datasets/{made['dataset_id']}")
        if made["status"] != "READY":
            raise RuntimeError(f"the dataset could not be made: {made}")
        return str(made["dataset_id"])

    def session(self, dataset: str) -> str:
        """The address of a new session."""
        wish = {"dataset_id": dataset, "purpose": "model-training"}
        return f"/v1/sessions/{self.ask('POST', '/v1/access', wish)['session_id']}"

    def cursor(self, session: str, place: int) -> str:
        """Goes on behind so many records, in dataset order."""
        size = min(place, 65_536)
        with self.bulk(session, ARROW, batch_size=size) as connection, connection.makefile("rb") as answer:
            reader, behind, cursor = pa.ipc.open_stream(Chunked(answer)), 0, ""
            while behind < place:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                behind, cursor = behind + batch.num_rows, metadata[b"next_cursor"].decode()
            return cursor

    def bulk(self, session: str, media: str, **query: object) -> socket.socket:
        """A connection on which a bulk answer comes; it is closed at its end."""
        connection = socket.create_connection(("127.0.0.1", self.server.port))
        path = f"{session}/stream?{urlencode(query)}"
        connection.sendall(request("GET", path, self.server.key, b"", f"Accept: {media}", "Connection: close"))
        return connection


class Chunked:
    """The body of an answer whose length is not told, as a file; begins with the headers, which it passes over."""

    closed = False

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._left = 0
        while answer.readline().strip():  # the headers
            pass

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end."""
        found = []
        while size and (self._left or self._next()):
            piece = self._answer.read(min(size, self._left))
            if not piece:
                raise RuntimeError("the answer was cut short")
            self._left -= len(piece)
            size -= len(piece)
            found.append(piece)
            if not self._left:
                self._answer.readline()
        return b"".join(found)

    def _next(self) -> bool:
        self._left = int(self._answer.readline() or b"0", 16)
        return self._left > 0


@contextmanager
def holder(folder: Path, *options: str) -> Iterator[Holder]:
    """A server whose storage root `bench` is the folder."""
    home = folder / f"home-{len(list(folder.iterdir()))}"
    with serving(home, "", f"bench={folder}", *options) as server:
        yield Holder(server)


# ---------------------------------------------------------------- pages


class Reader:
    """A connection that reads the pages of one session, each behind the one before."""

    def __init__(self, at: Holder, session: str, query: Mapping[str, object], cursor: str | None = None) -> None:
        self._holder, self._session = at, session
        self._first = {"cursor": cursor} if cursor else query
        self._next: bytes | None = None
        self._data = b""
        self._asked = 0.0

    def connect(self) -> None:
        """Begins anew: servers close what is idle."""
        self.connection = socket.create_connection(("127.0.0.1", self._holder.server.port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        """Asks for the next page; behind the last one for the first again."""
        query = {"batch_size": PAGE, **({"cursor": self._next.decode()} if self._next else self._first)}
        path = f"{self._session}/stream?{urlencode(query)}"
        self._data = b""
        self._asked = time.perf_counter()
        self.connection.sendall(request("GET", path, self._holder.server.key))

    def took(self) -> float | None:
        """Takes in what has come; the seconds since asking once the page is whole."""
        came = self.connection.recv(1 << 18)
        if not came:
            raise RuntimeError("the server has closed the connection")
        self._data += came
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        if self._data[9:12] != b"200":
            raise RuntimeError(self._data[:2000].decode(errors="replace"))
        at = self._data.find(b"content-length: ", 0, end)
        if len(self._data) < end + 4 + int(self._data[at + 16 : self._data.find(b"\r\n", at)]):
            return None
        seconds = time.perf_counter() - self._asked
        start = self._data.find(_CURSOR, -300)
        self._next = None if start < 0 else self._data[start + len(_CURSOR) : self._data.find(b'"', start + 15)]
        return seconds


def read_pages(readers: Sequence[Reader], seconds: float) -> Load:
    """Every reader asks again as soon as it is answered, for so long."""
    poll = select.epoll()
    for each in readers:
        each.connect()
    by_number = {each.connection.fileno(): each for each in readers}
    for number, each in by_number.items():
        poll.register(number, select.EPOLLIN)
        each.ask()
    started, cpu = time.perf_counter(), time.process_time()
    latencies, waiting = [], len(readers)
    while waiting:
        for number, _ in poll.poll():
            took = by_number[number].took()
            if took is None:
                continue
            latencies.append(took)
            if time.perf_counter() < started + seconds:
                by_number[number].ask()
            else:
                waiting -= 1
    elapsed = time.perf_counter() - started
    poll.close()
    for each in readers:
        each.connection.close()
    return Load(elapsed, sorted(latencies), (time.process_time() - cpu) / elapsed)


# ---------------------------------------------------------------- what the server takes


def processor_seconds(process: int) -> float:
    """What a process has used of all cores."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Memory:
    """The most memory of its own, without mapped files, that a process has while the block runs; in MB."""

    def __init__(self, process: int) -> None:
        self._status = Path(f"/proc/{process}/status")
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.before = self.most = 0.0

    def __enter__(self) -> Self:
        self.before = self.most = self._now()
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, self._now())

    def _now(self) -> float:
        line = next(each for each in self._status.read_text().splitlines() if each.startswith("RssAnon:"))
        return int(line.split()[1]) / 1024
