"""Bulk answers under way in process: the server goes on when the test says so."""

import asyncio
import csv
import io
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from tests.api.conftest import Site

ARROW, NDJSON, CSV = "application/vnd.apache.arrow.stream", "application/x-ndjson", "text/csv"


class Streamed:
    """One answer; each of its pieces waits to be let go. `whole` says that it came to its end."""

    def __init__(self, site: Site, session: str, media: str, *, secret: str | None = None, **query: Any) -> None:
        self.media = media
        self.status = 0
        self.body = b""
        self.whole = False
        self._gone = asyncio.Event()
        self._offered = asyncio.Event()
        self._let_go = asyncio.Event()
        key = site.admin if secret is None else secret
        scope = {
            "type": "http",
            "method": query.pop("method", "GET"),
            "path": f"/v1/sessions/{session}/stream",
            "query_string": urlencode(query).encode(),
            "headers": [(b"authorization", f"Bearer {key}".encode()), (b"accept", media.encode())],
            "client": ("127.0.0.1", 1),
        }
        self._running = asyncio.create_task(site.app(scope, self._receive, self._send))

    async def begun(self) -> "Streamed":
        """Its first piece is ready to be sent, or the answer is there."""
        offered = asyncio.create_task(self._offered.wait())
        await asyncio.wait({offered, self._running}, return_when=asyncio.FIRST_COMPLETED)
        offered.cancel()
        return self

    async def ended(self) -> "Streamed":
        """Let everything go."""
        self._let_go.set()
        await self._running
        return self

    async def left(self) -> None:
        """The caller leaves while a piece is being sent."""
        self._gone.set()
        await self.ended()

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self._offered.set()
        await self._let_go.wait()
        if not self._gone.is_set():
            self.body += bytes(message.get("body", b""))
            self.whole = not message.get("more_body", False)

    @property
    def error(self) -> Any:
        """What was refused before anything was sent."""
        return json.loads(self.body)["error"]

    @property
    def records(self) -> list[str]:
        """The ids of the records that came."""
        if self.media == ARROW:
            return [row["record_id"] for batch, _ in self.batches() for row in batch.to_pylist()]
        lines = self.body.decode().splitlines()
        if self.media == CSV:
            return [row["record_id"] for row in csv.DictReader(io.StringIO(self.body.decode()))]
        return [json.loads(line)["record_id"] for line in lines]

    @property
    def cursor(self) -> str:
        """Where an Arrow answer goes on."""
        return str([cursor for _, cursor in self.batches()][-1])

    def batches(self) -> list[tuple[Any, str]]:
        """The record batches of an Arrow answer, whole or not, each with the cursor behind it."""
        found = []
        with suppress(StopIteration, pa.ArrowInvalid, OSError):  # ends short
            reader = pa.ipc.open_stream(io.BytesIO(self.body))
            while True:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                found.append((batch, metadata[b"next_cursor"].decode()))
        return found
