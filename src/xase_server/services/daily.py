"""What was used day by day, read from the chains of sessions (docs/spec/api.md, section 9)."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder

from xase.proof.entry import format_time
from xase.proof.statements import RELEASING
from xase_server.domain.entries import session_stream
from xase_server.domain.objects import ObjectRow
from xase_server.domain.times import DAY_MS
from xase_server.ports import Reads
from xase_server.services.collected import entries_from
from xase_server.services.views import View

_HOUR_MS: Final = 3_600_000
_AMOUNTS: Final = ("sessions", "records", "queries", "operations")
_COUNTED: Final = frozenset({*RELEASING, "aggregate_refused", "operation"})
_DATE: Final = len("2025-01-15")


class _Body(Struct):
    record_count: int = 0


class _Entry(Struct):
    """What of an entry of a session's chain counts."""

    type: str
    time: str
    body: _Body


_entry: Final = Decoder(_Entry).decode


class Daily:
    """Sums by days, UTC; what lies outside the period is left out. `until_ms` is exclusive."""

    def __init__(self, reads: Reads, since_ms: int | None, until_ms: int) -> None:
        self._reads = reads
        self._since_ms = since_ms
        self._until_ms = until_ms
        self._days: dict[str, Counter[str]] = {}

    def add(self, row: ObjectRow, end_ms: int) -> None:
        """Count a session that is over, or will be, at `end_ms`."""
        used: set[str] = set()
        since_ms = max(row.created_ms, self._since_ms or 0)
        for day, length_ms in _days(since_ms, min(end_ms, self._until_ms)):
            self._of(day)["open_ms"] += length_ms
        for entry in self._entries(row.id) if since_ms < self._until_ms else ():
            day = entry.time[:_DATE]
            used.add(day)
            if entry.type == "operation":
                self._of(day)["operations"] += 1
            else:
                self._of(day).update(queries=1, records=entry.body.record_count)
        for day in used:
            self._of(day)["sessions"] += 1

    def rows(self) -> list[View]:
        """A row for each day on which a session was open or used, in order."""
        return [
            {"day": day, **{name: sums[name] for name in _AMOUNTS}, "hours": sums["open_ms"] / _HOUR_MS}
            for day, sums in sorted(self._days.items())
        ]

    def _entries(self, session_id: str) -> Iterator[_Entry]:
        until = format_time(self._until_ms)
        for _, raw in entries_from(self._reads, session_stream(session_id), self._since_ms):
            entry = _entry(raw)
            if entry.time >= until:
                return
            if entry.type in _COUNTED:
                yield entry

    def _of(self, day: str) -> Counter[str]:
        return self._days.setdefault(day, Counter())


def _days(since_ms: int, until_ms: int) -> Iterator[tuple[str, int]]:
    """Each day of a stretch of time, and how much of it is in the stretch."""
    while since_ms < until_ms:
        border = min(until_ms, (since_ms // DAY_MS + 1) * DAY_MS)
        yield format_time(since_ms)[:_DATE], border - since_ms
        since_ms = border
