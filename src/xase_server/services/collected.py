"""What goes into a bundle: entries by index, each with the parts that the caller may disclose."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.json import decode

from xase.proof.archive import Limits
from xase.proof.bundle import Disclosure
from xase.proof.entry import parse_entry, parse_time
from xase.proof.line import Line
from xase_server.domain.entries import Part, Stream
from xase_server.domain.errors import Refused
from xase_server.ports import Reads

PAGE: Final = 200
MAX_BYTES: Final = Limits().max_bytes // 2
"""What the entries and parts of a bundle may come to: they are in memory while it is made."""

_ABOUT_SESSIONS: Final = ("session/", "admin/")

Entry = tuple[int, bytes]


@dataclass(slots=True)
class Collected:
    """Entries by index with the parts that may be disclosed.

    Raises `validation_error` beyond `limit` entries or `most_bytes` of them and their parts.
    """

    limit: int
    most_bytes: int = MAX_BYTES
    size: int = 0
    entries: dict[int, bytes] = field(default_factory=dict)
    parts: dict[int, Mapping[str, Part]] = field(default_factory=dict)
    decisions: int = 0
    released: int = 0

    def add(self, raw: bytes, parts: Mapping[str, Part]) -> dict[str, Any]:
        """Take in one entry, once; gives it decoded."""
        entry: dict[str, Any] = decode(raw)
        if entry["index"] not in self.entries:
            self.size += len(raw) + sum(len(part.canonical) for part in parts.values())
            self.decisions += entry["type"] == "decision"
            if entry["stream"].startswith("session/") and entry["type"] != "operation":
                self.released += entry["body"].get("record_count", 0)
        self.entries[entry["index"]] = raw
        self.parts[entry["index"]] = parts
        if len(self.entries) > self.limit:
            raise _too_large(f"more than {self.limit:,} entries")
        if self.size > self.most_bytes:
            raise _too_large(f"more than {self.most_bytes:,} bytes")
        return entry

    def lines(self) -> Iterator[Line]:
        """The entries of sessions and of what governs them, as a verifier will have them, in order."""
        for index in sorted(self.entries):
            line = Line.of(parse_entry(self.entries[index]))
            if line.stream.startswith(_ABOUT_SESSIONS):
                line.shown.update({name: part.canonical for name, part in self.parts[index].items()})
                yield line

    def disclosures(self) -> Iterator[Disclosure]:
        """The parts, each with the entry that it belongs to."""
        for index, parts in self.parts.items():
            if parts:
                identifier: Any = decode(self.entries[index])["id"]
                for name, part in parts.items():
                    yield Disclosure(identifier, name, part.salt, part.canonical)


def _too_large(held: str) -> Refused:
    return Refused(
        "validation_error",
        "The bundle would be too large",
        [{"field": "start_date", "message": f"The scope holds {held}; choose a shorter period"}],
    )


def entries_from(reads: Reads, stream: Stream, since_ms: int | None) -> Iterator[Entry]:
    """The entries of a stream from an instant on, in order."""
    sequence = first_sequence(reads, since_ms, stream)
    while rows := reads.stream_entries(stream, sequence, PAGE):
        yield from rows
        sequence += len(rows)


def time_of(raw: bytes) -> int:
    """The instant of an entry."""
    return parse_time(decode(raw)["time"])


def is_of_type(raw: bytes, *types: str) -> bool:
    """Whether an entry is of one of these types, by its end: canonical bytes need not be parsed for that."""
    return raw.endswith(tuple(b'"type":"%b","v":1}' % each.encode() for each in types))


def first_sequence(reads: Reads, since_ms: int | None, stream: Stream) -> int:
    """Where the period begins in the stream: time never runs backwards along it."""
    if since_ms is None:
        return 0

    return leading(reads, stream, lambda entry: time_of(entry[1]) < since_ms)


def leading(reads: Reads, stream: Stream, holds: Callable[[Entry], bool]) -> int:
    """How many entries at a chain's beginning hold, by doubling and bisection: none does behind one that does not."""

    def is_held(sequence: int) -> bool:
        rows = reads.stream_entries(stream, sequence, 1)
        return bool(rows) and holds(rows[0])

    low, high = 0, 1
    while is_held(high - 1):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if is_held(middle) else (low, middle)
    return low
