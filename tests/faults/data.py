"""A dataset in a real server, readers of its sessions, and what the ledger says that they were given."""

import base64
import io
import json
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from tests.faults.clients import Caller
from tests.faults.server import Server
from xase_server.delivery.bitmap import bitmap_in

ROWS = 3_000
ARROW, NDJSON, PAGES = "application/vnd.apache.arrow.stream", "application/x-ndjson", "application/json"


def record_id(number: int) -> str:
    return f"rec_{number:06x}"


def make_dataset(server: Server, rows: int = ROWS) -> str:
    """The id of a dataset whose record n is called `record_id(n)`."""
    lines = "".join(json.dumps({"record_id": record_id(n), "age": n % 90, "word": f"w{n}"}) + "\n" for n in range(rows))
    with closing(Caller(server)) as caller:
        _, made = caller.ask("POST", "/v1/datasets", {"name": "patients"})
    address = f"/v1/datasets/{made['dataset_id']}"
    send(server, "PUT", f"{address}/data", lines.encode(), {"content-type": NDJSON})
    with closing(Caller(server)) as caller:  # a server closes a connection that is silent for as long as that may take
        while caller.ask("GET", address)[1]["status"] == "PROCESSING":
            assert not server.ends_within(0.05)
    return str(made["dataset_id"])


def open_session(server: Server, dataset: str) -> str:
    with closing(Caller(server)) as caller:
        status, made = caller.ask("POST", "/v1/access", {"dataset_id": dataset, "purpose": "model-training"})
        assert status == 200, made
        return str(made["session_id"])


def send(server: Server, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request(method, path, body, {"Authorization": f"Bearer {server.key}", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()


@dataclass
class Reader:
    """Reads a session to its end, or until the server is gone; goes on from its cursor when told to."""

    session: str
    media: str = PAGES
    batch: int = 100
    whole: bool = False
    cursor: str | None = None
    kept: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Every record of which anything came; `kept` are those that a client which resumes would count."""

    def read(self, server: Server) -> None:
        with suppress(OSError, HTTPException):
            while not self.whole:
                status, body = self._fetch(server)
                assert status == 200, body
                self._page(json.loads(body)) if self.media == PAGES else self._bulk(body)
                if self.media != PAGES:
                    return

    def _fetch(self, server: Server) -> tuple[int, bytes]:
        query = {"batch_size": self.batch} | ({} if self.cursor is None else {"cursor": self.cursor})
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            headers = {"Authorization": f"Bearer {server.key}", "Accept": self.media}
            connection.request("GET", f"/v1/sessions/{self.session}/stream?{urlencode(query)}", headers=headers)
            answer = connection.getresponse()
            if self.media == PAGES:
                return answer.status, answer.read()
            pieces: list[bytes] = []
            with suppress(OSError, HTTPException):
                while piece := answer.read1(1 << 16):
                    pieces.append(piece)
            return answer.status, b"".join(pieces)

    def _page(self, page: dict[str, Any]) -> None:
        found = [row["record_id"] for row in page["batch"]]
        self.kept += found
        self.seen.update(found)
        self.cursor, self.whole = page["next_cursor"], not page["has_more"]

    def _bulk(self, body: bytes) -> None:
        if self.media == NDJSON:
            lines = body.splitlines(keepends=True)
            found = [json.loads(line)["record_id"] for line in lines if line.endswith(b"\n")]
            self.seen.update(found)
            self.kept += found
            return
        with suppress(pa.ArrowInvalid, OSError, StopIteration):  # ends short when the server was killed
            reader = pa.ipc.open_stream(io.BytesIO(body))
            while True:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                rows, cursor = batch.select(["record_id"]).to_pylist(), metadata[b"next_cursor"].decode()
                self._page({"batch": rows, "next_cursor": cursor or None, "has_more": bool(cursor)})


def released(server: Server, session: str) -> list[tuple[str, set[str]]]:
    """The session's releases in order, by the names of their records."""
    found: list[tuple[str, set[str]]] = []
    start: int | None = 0
    with closing(Caller(server)) as caller:
        while start is not None:
            _, page = caller.ask("GET", f"/v1/sessions/{session}/events?start={start}&limit=100")
            names = [event["id"] for event in page["data"] if event["type"] == "release"]
            found += [(name, _records(caller, name)) for name in names]
            start = page["next_start"]
    return found


def _records(caller: Caller, batch_id: str) -> set[str]:
    _, evidence = caller.ask("GET", f"/v1/evidence/{batch_id}")
    bitmap = base64.b64decode(evidence["disclosed"]["records"]["value"])
    return {record_id(number) for number in bitmap_in(bitmap)}
