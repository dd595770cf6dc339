"""An organisation's own entries, newest first (docs/spec/api.md, section 9).

The log is walked from its end, a bounded stretch for each page: no page costs more than that, however
many chains an organisation has, and none misses an entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder, decode

from xase.proof.entry import format_time
from xase_server.domain.entries import admin_stream, decisions_stream, session_stream
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import session_ref
from xase_server.ports import Reads
from xase_server.services.events import event_view
from xase_server.services.reading import Reader
from xase_server.services.views import View

MOST_WALKED: Final = 10_000
_PIECE: Final = 500
_SESSIONS: Final = session_stream("")


class _Place(Struct):
    """What decides whose an entry is, and when it was made."""

    stream: str
    time: str


_place: Final = Decoder(_Place).decode


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which entries are wanted; None leaves a criterion open.

    `object` is an entry's id, its session's, or what its body names; `actor` a key of the caller's organisation.
    """

    type: str | None = None
    object: str | None = None
    actor: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def admits(self, view: View) -> bool:
        """Whether an entry, as it is shown, is of the wanted type, object and actor."""
        return (
            self.type in {None, view["type"]}
            and self.actor in {None, view["actor"].get("key")}
            and (self.object is None or _concerns(view, self.object))
        )


class Trail:
    """Reads the entries of an organisation's administration, its decisions, and the sessions that it is party to."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(
        self, who: Principal, wanted: TrailFilter, before: int | None, limit: int
    ) -> tuple[Sequence[View], int | None]:
        """At most `limit` entries below index `before`, and the index to go on below (None at the end).

        Fewer, or none, come with such an index where little of a long stretch of the log is wanted.
        """
        return await self._reader.scan(lambda reads: _walk(_Own(reads, who), wanted, before, limit))


class _Own:
    """Tells the caller's entries from others'."""

    def __init__(self, reads: Reads, who: Principal) -> None:
        self.reads = reads
        self._organisation = who.organisation
        self._known: dict[str, bool] = {
            admin_stream(who.organisation): True,
            decisions_stream(who.organisation): True,
        }

    def has(self, stream: str) -> bool:
        """Whether the chain is the organisation's, or of a session that it is party to."""
        if stream not in self._known:
            self._known[stream] = self._is_party(stream)
        return self._known[stream]

    def view(self, raw: bytes) -> View:
        """An entry as the trail shows it; keys of others are not named."""
        entry: dict[str, Any] = decode(raw)
        actor = entry["actor"]
        if actor["organisation"] != self._organisation:
            actor = {"organisation": actor["organisation"]}
        return event_view(raw) | {"stream": entry["stream"], "actor": actor}

    def _is_party(self, stream: str) -> bool:
        if not stream.startswith(_SESSIONS):
            return False
        row = self.reads.object(session_ref(stream.removeprefix(_SESSIONS)))
        return row is not None and row.concerns(self._organisation)


def _walk(own: _Own, wanted: TrailFilter, before: int | None, limit: int) -> tuple[list[View], int | None]:
    stop = _end(own.reads, wanted.until_ms) if before is None else before
    lowest = max(0, stop - MOST_WALKED)
    since = "" if wanted.since_ms is None else format_time(wanted.since_ms)
    found: list[View] = []
    while stop > lowest:
        start = max(lowest, stop - _PIECE)
        for raw in reversed(own.reads.entries(start, stop - start)):
            stop -= 1
            place = _place(raw)
            if place.time < since:
                return found, None
            if own.has(place.stream) and wanted.admits(view := own.view(raw)):
                found.append(view)
            if len(found) == limit:
                return found, stop or None
    return found, stop or None


def _end(reads: Reads, until_ms: int | None) -> int:
    """Where the period ends in the log, by bisection: time never runs backwards along it."""
    low, high = 0, reads.head().size
    if until_ms is None:
        return high
    until = format_time(until_ms)
    while low < high:
        middle = (low + high) // 2
        (raw,) = reads.entries(middle, 1)
        low, high = (middle + 1, high) if _place(raw).time < until else (low, middle)
    return low


def _concerns(view: View, identifier: str) -> bool:
    if identifier == view["id"] or view["stream"] == session_stream(identifier):
        return True
    named = view["body"].values()
    return identifier in named or any(isinstance(each, list) and identifier in each for each in named)
