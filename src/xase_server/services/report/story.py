"""A bundle's entries, read once: what is counted is counted, and of what is listed the first ones are kept."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.json import decode

from xase.proof.entry import parse_time
from xase.proof.statements import ENDINGS, RELEASING

SHOWN: Final = 500
"""Rows of a table. All of them are in the bundle's own files."""

_CONFIDENCE_STEPS: Final = 20
_LANES: Final[Mapping[str, str]] = {
    **dict.fromkeys(RELEASING, "Data left"),
    "operation": "Operations",
    "session_opened": "Opened, ended",
    **dict.fromkeys(ENDINGS, "Opened, ended"),
}


@dataclass(slots=True)
class First:
    """The first entries of a kind, and how many there are."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0

    def add(self, entry: dict[str, Any]) -> None:
        """One more."""
        self.total += 1
        if len(self.entries) < SHOWN:
            self.entries.append(entry)


@dataclass(slots=True)
class Story:
    """What the entries say. `moments` are the times, in milliseconds, of what happened in each session, by lane."""

    timeline: First = field(default_factory=First)
    decisions: First = field(default_factory=First)
    interventions: First = field(default_factory=First)
    erasures: First = field(default_factory=First)
    verdicts: First = field(default_factory=First)
    approvals: First = field(default_factory=First)
    withdrawals: First = field(default_factory=First)
    models: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    confidences: list[int] = field(default_factory=lambda: [0] * _CONFIDENCE_STEPS)
    intervened: Counter[str] = field(default_factory=Counter)
    moments: dict[str, dict[str, "array[int]"]] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[bytes]) -> "Story":
        """Read the entries, which are in the order of their index."""
        story = cls()
        for raw in entries:
            story.add(decode(raw))
        return story

    def add(self, entry: dict[str, Any]) -> None:
        """Take in the next entry."""
        if entry["type"] == "decision":
            self._decide(entry)
        elif entry["type"] == "intervention":
            self.interventions.add(entry)
            self.intervened[entry["body"]["record_id"]] += 1
        elif entry["type"] == "payload_erased":
            self.erasures.add(entry)
        else:
            self._happen(entry)

    def _decide(self, entry: dict[str, Any]) -> None:
        body = entry["body"]
        self.decisions.add(entry)
        self.models[body["model_id"]] += 1
        self.days[entry["time"][:10]] += 1
        if "confidence" in body:
            self.confidences[min(int(body["confidence"] * _CONFIDENCE_STEPS), _CONFIDENCE_STEPS - 1)] += 1

    def _happen(self, entry: dict[str, Any]) -> None:
        self.timeline.add(entry)
        kept = {"verdict": self.verdicts, "approval": self.approvals, "consent_withdrawn": self.withdrawals}
        if entry["type"] in kept:
            kept[entry["type"]].add(entry)
        session, lane = entry["stream"].removeprefix("session/"), _LANES.get(entry["type"])
        if lane is not None and session != entry["stream"]:
            lanes = self.moments.setdefault(session, defaultdict(lambda: array("q")))
            lanes[lane].append(parse_time(entry["time"]))
