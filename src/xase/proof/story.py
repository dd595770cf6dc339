"""The story that entries tell together: one small function for each rule, all of them in `RULES`.

A rule looks at entries whose form and place have been checked before, and yields what does not fit. Rules for sessions
and releases join here as functions of their own.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from xase.proof.bundle import entry_name
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.entry import Entry, parse_time
from xase.proof.keys import DocumentVerifier
from xase.proof.report import Finding, Severity

STEP: Final = 7


@dataclass(frozen=True, slots=True)
class Story:
    """What the rules look at: the entries in order, and what is disclosed of them.

    `parts` holds, by entry id and part, the canonical bytes of disclosed values.
    """

    scope: Mapping[str, Any]
    entries: Sequence[Entry]
    by_id: Mapping[str, Entry]
    parts: Mapping[str, Mapping[str, bytes]]
    document_keys: Sequence[DocumentVerifier]

    def of_type(self, kind: str) -> Iterator[Entry]:
        """The entries of one type, in order."""
        return (entry for entry in self.entries if entry.type == kind)


Rule = Callable[[Story], Iterator[Finding]]


def _error(entry: Entry, message: str) -> Finding:
    return Finding(STEP, Severity.ERROR, entry_name(entry), message)


def _note(entry: Entry, message: str) -> Finding:
    return Finding(STEP, Severity.NOTE, entry_name(entry), message)


def clock_never_runs_back(story: Story) -> Iterator[Finding]:
    """Time does not decrease along the index."""
    for before, after in pairwise(story.entries):
        if after.time < before.time:
            yield _error(after, f"the clock runs back, from {before.time} to {after.time}")


def ids_are_unique(story: Story) -> Iterator[Finding]:
    """No two entries bring the same object into being."""
    for entry in story.entries:
        if story.by_id[entry.id] is not entry:
            yield _error(entry, "another entry has the same id")


def scope_is_covered(story: Story) -> Iterator[Finding]:
    """Each decision record that the scope names is here."""
    named = story.scope.get("record_ids", [])
    for name in named if isinstance(named, list) else []:
        entry = story.by_id.get(name) if isinstance(name, str) else None
        if entry is None or entry.type != "decision":
            yield Finding(STEP, Severity.ERROR, "manifest.json", f"the scope names {name}, which is not here")


def followers_name_their_decision(story: Story) -> Iterator[Finding]:
    """An intervention or erasure comes after its decision, in its stream, and commits to its hash."""
    for entry in story.entries:
        if entry.type in _FOLLOWERS:
            decision = story.by_id.get(str(entry.body.get("record_id")))
            if decision is None:
                yield _note(entry, f"the decision it names, {entry.body.get('record_id')}, is not in this bundle")
            else:
                yield from _follows(entry, decision)


_FOLLOWERS: Final = frozenset({"intervention", "payload_erased"})


def _follows(entry: Entry, decision: Entry) -> Iterator[Finding]:
    if decision.type != "decision" or decision.stream != entry.stream:
        yield _error(entry, f"what it names, {decision.id}, is not a decision of its stream")
    if decision.index >= entry.index or (decision.time >= entry.time and entry.type == "intervention"):
        yield _error(entry, f"it does not come after its decision, {decision.id}")
    if entry.body.get("record_hash") != decision.hash:
        yield _error(entry, f"it names another hash than that of {decision.id}")


def interventions_are_signed_in_time(story: Story) -> Iterator[Finding]:
    """An intervention is signed after its decision, and not after it was written down."""
    for entry in story.of_type("intervention"):
        signed_at = entry.body.get("signed_at")
        if signed_at is None:
            continue
        try:
            signed_ms = parse_time(signed_at)
        except (TypeError, ValueError):
            yield _error(entry, "signed_at is not a time")
            continue
        decision = story.by_id.get(str(entry.body.get("record_id")))
        if signed_ms > entry.time_ms or (decision is not None and signed_ms <= decision.time_ms):
            yield _error(entry, "it was not signed between its decision and its own time")


def intervention_signatures_hold(story: Story) -> Iterator[Finding]:
    """A disclosed signature is a trusted document key's over the intervention as it is disclosed."""
    for entry in story.of_type("intervention"):
        parts = story.parts.get(entry.id, {})
        if "signature" not in parts or not story.document_keys:
            continue
        withheld = [name for name in _SIGNED_PARTS if name in entry.commitments and name not in parts]
        if withheld:
            yield _note(entry, f"its signature cannot be checked: {', '.join(withheld)} not disclosed")
        elif not _is_signed(entry, parts, story.document_keys):
            yield _error(entry, "its signature is not a trusted document key's over what it says")


_SIGNED_PARTS: Final = ("actor_email", "evidence_urls", "metadata", "new_outcome", "reason")
_SIGNED_FIELDS: Final = ("action", "record_hash", "record_id", "signed_at")


def _is_signed(entry: Entry, parts: Mapping[str, bytes], keys: Sequence[DocumentVerifier]) -> bool:
    try:
        said = {name: parse_canonical(parts[name]) for name in (*_SIGNED_PARTS, "signature") if name in parts}
        signature = b64decode(said.pop("signature"), validate=True)
        said |= {name: entry.body[name] for name in _SIGNED_FIELDS if name in entry.body}
        message = canonical(said)
    except (TypeError, ValueError):
        return False
    return any(key.verify(message, signature) for key in keys)


def erased_parts_stay_erased(story: Story) -> Iterator[Finding]:
    """What an entry says was destroyed is not disclosed."""
    for entry in story.of_type("payload_erased"):
        record, named = entry.body.get("record_id"), entry.body.get("parts")
        for name in named if isinstance(named, list) else []:
            if isinstance(name, str) and name in story.parts.get(str(record), {}):
                yield _error(entry, f"it says that {name} of {record} was destroyed, and yet it is disclosed")


RULES: Final[tuple[Rule, ...]] = (
    clock_never_runs_back,
    ids_are_unique,
    scope_is_covered,
    followers_name_their_decision,
    interventions_are_signed_in_time,
    intervention_signatures_hold,
    erased_parts_stay_erased,
)
"""Every rule; all are applied to every bundle, and say nothing where there is nothing of theirs."""


def judge_story(story: Story) -> Iterator[Finding]:
    """What does not fit, rule by rule."""
    for rule in RULES:
        yield from rule(story)
