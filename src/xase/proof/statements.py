"""What a person reads first of sessions: session.json, policy.json, authorization.json, usage.json.

Each is made from the entries of the same bundle and nothing else, so that whoever verifies the bundle makes them again
and compares. Their form is in docs/spec/evidence.md, section 6.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from xase.proof.canonical import canonical, parse_canonical

RELEASING: Final = ("release", "aggregate", "transform")
"""The types of entries by which a session's data leaves."""

ENDINGS: Final = ("session_closed", "access_revoked", "session_expired")
"""The types of entries that end a session."""

STATED: Final = frozenset({"session_opened", "verdict", "policy_version", "approval", "consent_withdrawn"})
"""The types of entries whose bodies the statements repeat whole."""

STATEMENTS: Final = ("session", "policy", "authorization", "usage")

OPERATIONS: Final = "operations/operations.ndjson"
RELEASES: Final = "records/releases.ndjson"

_SESSION: Final = "session/"


class Told(Protocol):
    """An entry as the statements need it. `body` may be read anew at each look."""

    @property
    def id(self) -> str:
        """What it brought into being."""

    @property
    def type(self) -> str:
        """What happened."""

    @property
    def stream(self) -> str:
        """The chain it is in."""

    @property
    def time(self) -> str:
        """When."""

    @property
    def actor(self) -> Mapping[str, str]:
        """Who."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says openly."""

    @property
    def commitments(self) -> Mapping[str, str]:
        """What it commits to."""

    @property
    def shown(self) -> Mapping[str, bytes]:
        """The canonical bytes of its disclosed parts."""


def session_of(entry: Told) -> str | None:
    """The session whose stream an entry is in."""
    return entry.stream.removeprefix(_SESSION) if entry.stream.startswith(_SESSION) else None


def make_statements(entries: Sequence[Told]) -> dict[str, dict[str, Any]]:
    """The four statements, by name, from entries in the order of their index."""
    streams: dict[str, _Stream] = {}
    for entry in entries:
        if (name := session_of(entry)) is not None:
            streams.setdefault(name, _Stream(name, entry)).add(entry)
    granted = _granted(streams.values())
    return {
        "session": {"sessions": [stream.session() for stream in streams.values()]},
        "policy": {"policies": [_policy(entry) for entry in entries if entry.type == "policy_version"]},
        "authorization": {
            "verdicts": [_said(each) | {"sessions": granted.get(each.id, [])} for each in _of(entries, "verdict")],
            "approvals": [_said(entry) for entry in _of(entries, "approval")],
            "withdrawals": [_said(entry) for entry in _of(entries, "consent_withdrawn")],
        },
        "usage": {"sessions": [stream.usage() for stream in streams.values()]},
    }


def make_lists(entries: Iterable[Told]) -> dict[str, bytes]:
    """The lists of what was done and of what was released, by file name; one line each."""
    lists: dict[str, list[bytes]] = {OPERATIONS: [], RELEASES: []}
    for entry in entries:
        if entry.type == "operation":
            lists[OPERATIONS].append(canonical(_said(entry)))
        elif entry.type in RELEASING:
            lists[RELEASES].append(canonical(_released(entry)))
    return {name: b"".join(line + b"\n" for line in lines) for name, lines in lists.items()}


def _released(entry: Told) -> dict[str, Any]:
    return {
        "entry": entry.id,
        "time": entry.time,
        "type": entry.type,
        "session_id": session_of(entry),
        "record_count": number_in(entry.body, "record_count"),
        "records": entry.commitments.get("records"),
    }


def number_in(body: Mapping[str, Any], field: str) -> int:
    """The integer a body gives, 0 where it gives none."""
    value = body.get(field)
    return value if type(value) is int else 0


def _of(entries: Iterable[Told], type: str) -> Iterable[Told]:
    return (entry for entry in entries if entry.type == type)


def _said(entry: Told) -> dict[str, Any]:
    """An entry's body with its id and time."""
    return {**entry.body, "entry": entry.id, "time": entry.time}


def _policy(entry: Told) -> dict[str, Any]:
    document = entry.shown.get("document")
    return _said(entry) | ({} if document is None else {"document": parse_canonical(document)})


def _granted(streams: Iterable["_Stream"]) -> dict[str, list[str]]:
    """Which sessions each verdict opened."""
    found: dict[str, list[str]] = {}
    for stream in streams:
        found.setdefault(str(stream.opening.body.get("verdict")), []).append(stream.name)
    return found


class _Stream:
    """One session's stream, counted entry by entry."""

    def __init__(self, name: str, opening: Told) -> None:
        self.name = name
        self.opening = opening
        self._last = opening
        self._ended: Told | None = None
        self._types: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._days: dict[str, Counter[str]] = {}
        self._fields: set[str] = set()
        self._models: set[str] = set()
        self._leaving: list[str] = []

    def add(self, entry: Told) -> None:
        """Count the next entry."""
        self._last = entry
        self._types[entry.type] += 1
        if entry.type in RELEASING:
            self._release(entry, entry.body)
        elif entry.type == "operation":
            self._operate(entry.body)
        elif entry.type in ENDINGS:
            self._ended = self._ended or entry

    def _release(self, entry: Told, body: Mapping[str, Any]) -> None:
        records = number_in(body, "record_count")
        self._sums["records_released"] += records
        self._days.setdefault(entry.time[:10], Counter()).update(releases=1, records=records)
        self._fields.update(_texts(body.get("fields")))
        self._leaving = [*self._leaving[:1], entry.id]

    def _operate(self, body: Mapping[str, Any]) -> None:
        self._sums["records_in_operations"] += number_in(body, "record_count")
        self._sums["unknown_in_operations"] += number_in(body, "unknown_count")
        self._models.update(_texts([body.get("model_id")]))

    def session(self) -> dict[str, Any]:
        """What session.json says of it."""
        ended = self._ended
        return {
            **(self.opening.body if self.opening.type == "session_opened" else {}),
            "session_id": self.name,
            "organisation": self.opening.actor.get("organisation"),
            "entries": self._types.total(),
            "last_entry": self._last.id,
            "ended": None if ended is None else {"entry": ended.id, "type": ended.type, "time": ended.time},
        }

    def usage(self) -> dict[str, Any]:
        """What usage.json says of it."""
        sums = ("records_released", "records_in_operations", "unknown_in_operations")
        return {
            "session_id": self.name,
            **{f"{kind}s": self._types[kind] for kind in (*RELEASING, "operation")},
            **{name: self._sums[name] for name in sums},
            "fields": sorted(self._fields),
            "models": sorted(self._models),
            "days": [
                {"day": day, "releases": counts["releases"], "records": counts["records"]}
                for day, counts in self._days.items()
            ],
            "first_release": self._leaving[0] if self._leaving else None,
            "last_release": self._leaving[-1] if self._leaving else None,
        }


def _texts(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
