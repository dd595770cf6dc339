"""A session's data endpoints without a server: what they answer is computed, what breaks is chosen."""

import io
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2
import pyarrow as pa

STATE = {
    "session_id": "sess_7f6e5d4c",
    "dataset_id": "ds_1",
    "dataset_version": 1,
    "status": "ACTIVE",
    "purpose": "model-training",
    "created_at": "2026-01-15T14:30:00.000Z",
    "expires_at": "2026-02-14T14:30:00.000Z",
    "policy_id": "pol_1",
    "policy_version": 3,
    "obligations": {"fields": None},
}
ARROW = "application/vnd.apache.arrow.stream"
ROWS: list[dict[str, Any]] = [
    {"record_id": f"rec_{n}", "age": 50 + n, "lab_results": {"glucose": 200 + n}} for n in range(10)
]


def refused(status: int, slug: str, **headers: str) -> httpx2.Response:
    """An answer of the error catalogue."""
    error = {"type": slug, "code": slug, "message": "no", "details": {}, "request_id": "req_1"}
    return httpx2.Response(status, json={"error": error}, headers=headers)


@dataclass
class DataRoom:
    """Answers streams over ROWS. `asked` keeps the queries; `faults` are given in place of pages, by place."""

    rows: list[dict[str, Any]] = field(default_factory=lambda: ROWS)
    asked: list[dict[str, str]] = field(default_factory=list)
    faults: dict[int, list[Any]] = field(default_factory=dict)
    bulk: Any = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to one request; `bulk` answers those for Arrow."""
        answer: httpx2.Response = self.bulk(request) if request.headers["accept"] == ARROW else self.page(request)
        return answer

    def page(self, request: httpx2.Request) -> httpx2.Response:
        """A JSON page, or the fault that is due at its place."""
        start, size = self.place(request)
        if self.faults.get(start):
            fault = self.faults[start].pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        stop = min(start + size, len(self.rows))
        cursor = f"cursor_{stop}" if stop < len(self.rows) else None
        batch = {"batch": self.rows[start:stop], "batch_id": f"batch_{start}", "record_count": stop - start}
        return httpx2.Response(200, json={**batch, "has_more": cursor is not None, "next_cursor": cursor})

    def place(self, request: httpx2.Request) -> tuple[int, int]:
        """Where the asked page begins, and how long it is."""
        query = dict(request.url.params)
        self.asked.append(query)
        return int(query.get("cursor", "cursor_0").removeprefix("cursor_")), int(query.get("batch_size", 32))

    def arrow(self, request: httpx2.Request, *, positions: bool = True) -> list[bytes]:
        """The rest of the stream as Arrow: each record batch, the schema with the first, and the end mark."""
        start, size = self.place(request)
        table = pa.Table.from_pylist(self.rows)
        sink, ends = io.BytesIO(), [0]
        with pa.ipc.new_stream(sink, table.schema) as writer:
            for begin in range(start, len(self.rows), size):
                stop = min(begin + size, len(self.rows))
                said = {"batch_id": f"batch_{begin}"}
                if positions:
                    said["next_cursor"] = f"cursor_{stop}" if stop < len(self.rows) else ""
                (batch,) = table.slice(begin, size).combine_chunks().to_batches()
                writer.write_batch(batch, custom_metadata=said)
                ends.append(sink.tell())
        ends.append(sink.tell())
        return [sink.getvalue()[first:last] for first, last in pairwise(ends)]
