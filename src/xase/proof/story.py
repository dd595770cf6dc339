"""The story that entries tell together: one small function for each rule, all of them in `RULES`.

A rule looks at entries whose form and place have been checked before, and yields what does not fit. Rules for sessions
and releases join here as functions of their own.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from xase.proof.canonical import canonical, parse_canonical
from xase.proof.entry import parse_time
from xase.proof.keys import DocumentVerifier
from xase.proof.line import Line
from xase.proof.report import Finding, Severity

STEP: Final = 7


@dataclass(frozen=True, slots=True)
class Story:
    """What the rules look at: the entries in order, with what is disclosed of them."""

    scope: Mapping[str, Any]
    lines: Sequence[Line]
    by_id: Mapping[str, Line]
    document_keys: Sequence[DocumentVerifier]

    def of_type(self, *kinds: str) -> Iterator[Line]:
        """The entries of these types, in order."""
        return (line for line in self.lines if line.type in kinds)

    def decision_of(self, body: Mapping[str, Any]) -> Line | None:
        """The entry that a body names as its record, if it is here."""
        return self.by_id.get(str(body.get("record_id")))


Rule = Callable[[Story], Iterator[Finding]]


def _error(line: Line, message: str) -> Finding:
    return Finding(STEP, Severity.ERROR, line.name, message)


def _note(line: Line, message: str) -> Finding:
    return Finding(STEP, Severity.NOTE, line.name, message)


def clock_never_runs_back(story: Story) -> Iterator[Finding]:
    """Time does not decrease along the index."""
    for before, after in pairwise(story.lines):
        if after.time < before.time:
            yield _error(after, f"the clock runs back, from {before.time} to {after.time}")


def ids_are_unique(story: Story) -> Iterator[Finding]:
    """No two entries bring the same object into being."""
    for line in story.lines:
        if story.by_id[line.id] is not line:
            yield _error(line, "another entry has the same id")


def scope_is_covered(story: Story) -> Iterator[Finding]:
    """Each decision record that the scope names is here."""
    named = story.scope.get("record_ids", [])
    for name in named if isinstance(named, list) else []:
        line = story.by_id.get(name) if isinstance(name, str) else None
        if line is None or line.type != "decision":
            yield Finding(STEP, Severity.ERROR, "manifest.json", f"the scope names {name}, which is not here")


def followers_name_their_decision(story: Story) -> Iterator[Finding]:
    """An intervention or erasure comes after its decision, in its stream, and commits to its hash."""
    for line in story.of_type("intervention", "payload_erased"):
        body = line.body
        decision = story.decision_of(body)
        if decision is None:
            yield _note(line, f"the decision it names, {body.get('record_id')}, is not in this bundle")
            continue
        if decision.type != "decision" or decision.stream != line.stream:
            yield _error(line, f"what it names, {decision.id}, is not a decision of its stream")
        if decision.index >= line.index:
            yield _error(line, f"it does not come after its decision, {decision.id}")
        if body.get("record_hash") != decision.hash:
            yield _error(line, f"it names another hash than that of {decision.id}")


def interventions_are_signed_in_time(story: Story) -> Iterator[Finding]:
    """An intervention is signed after its decision, and not after it was written down."""
    for line in story.of_type("intervention"):
        body = line.body
        try:
            signed_ms = parse_time(body["signed_at"])
        except (KeyError, TypeError, ValueError):
            yield _error(line, "it does not say when it was signed")
            continue
        decision = story.decision_of(body)
        if signed_ms > parse_time(line.time) or (decision is not None and signed_ms <= parse_time(decision.time)):
            yield _error(line, "it was not signed between its decision and its own time")


def intervention_signatures_hold(story: Story) -> Iterator[Finding]:
    """A disclosed signature is a trusted document key's over the intervention as it is disclosed."""
    for line in story.of_type("intervention"):
        if "signature" not in line.shown or not story.document_keys:
            continue
        withheld = [name for name in _SIGNED_PARTS if name in line.commitments and name not in line.shown]
        if withheld:
            yield _note(line, f"its signature cannot be checked: {', '.join(withheld)} not disclosed")
        elif not _is_signed(line, story.document_keys):
            yield _error(line, "its signature is not a trusted document key's over what it says")


_SIGNED_PARTS: Final[tuple[str, ...]] = ("actor_email", "evidence_urls", "metadata", "new_outcome", "reason")
_SIGNED_FIELDS: Final[tuple[str, ...]] = ("action", "record_hash", "record_id", "signed_at")


def _is_signed(line: Line, keys: Sequence[DocumentVerifier]) -> bool:
    body = line.body
    try:
        said = {name: parse_canonical(line.shown[name]) for name in _SIGNED_PARTS if name in line.shown}
        said |= {name: body[name] for name in _SIGNED_FIELDS if name in body}
        signature = b64decode(parse_canonical(line.shown["signature"]), validate=True)
        message = canonical(said)
    except (TypeError, ValueError):
        return False
    return any(key.verify(message, signature) for key in keys)


def erased_parts_stay_erased(story: Story) -> Iterator[Finding]:
    """What an entry says was destroyed is not disclosed."""
    for line in story.of_type("payload_erased"):
        body = line.body
        decision, named = story.decision_of(body), body.get("parts")
        for name in named if isinstance(named, list) else []:
            if decision is not None and isinstance(name, str) and name in decision.shown:
                yield _error(line, f"it says that {name} of {decision.id} was destroyed, and yet it is disclosed")


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
