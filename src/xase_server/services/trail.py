"""An organisation's own entries, newest first (docs/spec/api.md, section 9).

They are the organisation's own chains, merged from their ends. One that is party to very many sessions has
the log walked instead, where most entries are its own. A page looks at a bounded number of entries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder, decode

from xase.proof.entry import format_time
from xase_server.domain.decisions import Page
from xase_server.domain.entries import Stream, admin_stream, decisions_stream, session_stream
from xase_server.domain.objects import ObjectQuery
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import SESSION
from xase_server.ports import Reads
from xase_server.services.chains import merged
from xase_server.services.collected import Entry
from xase_server.services.events import event_view
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import OwnStreams

MOST_WALKED: Final = 10_000
MOST_CHAINS: Final = 200
"""Finding the place of a page in a chain takes some twenty looks."""

_PIECE: Final = 500


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

        Fewer, or none, come with such an index where little of many entries is wanted.
        """
        return await self._reader.scan(lambda reads: _page(_Own(reads, who), wanted, before, limit))


class _Own:
    """Tells the caller's entries from others'."""

    def __init__(self, reads: Reads, who: Principal) -> None:
        self.reads = reads
        self._organisation = who.organisation
        self._always = (admin_stream(who.organisation), decisions_stream(who.organisation))
        self.has = OwnStreams(reads, who.organisation).has

    def streams(self) -> list[Stream] | None:
        """All chains of the organisation; None for too many."""
        sessions = self.reads.objects(
            ObjectQuery(kind=SESSION, visible_to=self._organisation), Page(MOST_CHAINS, 0, None, descending=True)
        )
        if sessions.next_after is not None:
            return None
        return [*self._always, *(session_stream(row.id) for row in sessions.rows)]

    def view(self, raw: bytes) -> View:
        """An entry as the trail shows it; keys of others are not named."""
        entry: dict[str, Any] = decode(raw)
        actor = entry["actor"]
        if actor["organisation"] != self._organisation:
            actor = {"organisation": actor["organisation"]}
        return event_view(raw) | {"stream": entry["stream"], "actor": actor}


def _page(own: _Own, wanted: TrailFilter, before: int | None, limit: int) -> tuple[list[View], int | None]:
    stop = _end(own.reads, wanted.until_ms) if before is None else before
    since = "" if wanted.since_ms is None else format_time(wanted.since_ms)
    found: list[View] = []
    streams = own.streams()
    seen = _walk(own, stop) if streams is None else merged(own.reads, streams, stop)
    for walked, (index, raw) in enumerate(seen, start=1):
        place = _place(raw)
        if place.time < since:
            return found, None
        if own.has(place.stream) and wanted.admits(view := own.view(raw)):
            found.append(view)
        if len(found) == limit or walked == MOST_WALKED:
            return found, index or None
    return found, None


def _walk(own: _Own, stop: int) -> Iterator[Entry]:
    """The whole log backwards."""
    while stop:
        start = max(0, stop - _PIECE)
        yield from reversed(list(enumerate(own.reads.entries(start, stop - start), start=start)))
        stop = start


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
