"""The story of access sessions: one small function for each rule (docs/spec/evidence.md, section 7).

A session's stream must begin with its opening and hold nothing of another session; what opened it, what left in it and
when, what was done with it and how it ended must fit together, and what is disclosed must agree with what is counted.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from xase.proof.bitmap import BitmapError, RecordSet, Room, TooManyNumbers, count
from xase.proof.budgets import budgets_are_kept
from xase.proof.canonical import CanonicalError, canonical, parse_canonical
from xase.proof.digest import sha256_digest
from xase.proof.entry import parse_time
from xase.proof.line import Line
from xase.proof.report import Finding, Severity
from xase.proof.statements import ENDINGS, RELEASING, STATED, make_lists, make_statements, session_of

_STEP: Final = 7
_AGREED: Final = (
    "dataset_id",
    "dataset_version",
    "policy_id",
    "policy_version",
    "policy_hash",
    "guardrails",
    "purpose",
    "model_id",
)
_MOST_STATED: Final = (
    32 * 1024 * 1024
)  # of entries that statements repeat whole: as values they are many times as large


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules look at: the entries, and the files that repeat what they say."""

    scope: Mapping[str, Any]
    lines: Sequence[Line]
    by_id: Mapping[str, Line]
    files: Mapping[str, bytes]

    def of_type(self, *kinds: str) -> Iterator[Line]:
        """The entries of these types, in order."""
        return (line for line in self.lines if line.type in kinds)


@dataclass(frozen=True, slots=True)
class Session:
    """One session's stream, in order, at least one entry."""

    id: str
    stream: Sequence[Line]

    @property
    def opening(self) -> Line:
        """The entry that must be its opening."""
        return self.stream[0]


Rule = Callable[[Evidence, Session], Iterator[Finding]]


def _error(line: Line, message: str) -> Finding:
    return Finding(_STEP, Severity.ERROR, line.name, message)


def _note(line: Line, message: str) -> Finding:
    return Finding(_STEP, Severity.NOTE, line.name, message)


def opens_first_and_is_one(_: Evidence, session: Session) -> Iterator[Finding]:
    """The opening comes first, bears the session's id, and every entry of the stream is of this session."""
    if session.opening.type != "session_opened" or session.opening.id != session.id:
        yield _error(session.opening, f"session/{session.id} does not begin with its opening")
    first = session.opening.body
    for line in session.stream:
        body = line.body
        if body.get("session_id") != session.id:
            yield _error(line, f"it is of session {body.get('session_id')}, in the stream of {session.id}")
        elif body.get("dataset_id") != first.get("dataset_id"):
            yield _error(line, "it is of another dataset than its session")
        elif line.type in RELEASING and body.get("dataset_version") != first.get("dataset_version"):
            yield _error(line, "it is of another version of the dataset than its session")
        if line.type == "session_opened" and line is not session.opening:
            yield _error(line, "it opens a session that is open")


def verdict_permits_before_opening(evidence: Evidence, session: Session) -> Iterator[Finding]:
    """A permit precedes the opening, of the same request, and both cite one contract."""
    opening, said = session.opening, session.opening.body
    verdict = evidence.by_id.get(str(said.get("verdict")))
    if verdict is None or verdict.type != "verdict":
        yield _error(opening, f"the verdict that it names, {said.get('verdict')}, is not here")
        return
    ruled = verdict.body
    if ruled.get("outcome") != "permit":
        yield _error(opening, f"its verdict, {verdict.id}, permits nothing")
    if verdict.index > opening.index:
        yield _error(opening, f"it does not come after its verdict, {verdict.id}")
    if ruled.get("contract_hash") != said.get("contract_hash"):
        yield _error(opening, f"it cites another contract than its verdict, {verdict.id}")
    for name in _AGREED:
        if ruled.get(name) != said.get(name):
            yield _error(opening, f"it names another {name} than its verdict, {verdict.id}")


def nothing_leaves_outside_its_time(_: Evidence, session: Session) -> Iterator[Finding]:
    """Data leaves from the opening until the session's time is over, and not after it was ended."""
    times = _times(session.opening.body)
    if times is None or not times[0] < times[1] or times[0] > parse_time(session.opening.time):
        yield _error(session.opening, "it does not say from when until when it is open")
        return
    ended: Line | None = None
    for line in session.stream:
        if line.type in RELEASING:
            yield from _untimely(line, times[1], ended)
        elif line.type in ENDINGS:
            ended = ended or line


def _times(opened: Mapping[str, Any]) -> tuple[int, int] | None:
    try:
        return parse_time(opened["opened_at"]), parse_time(opened["expires_at"])
    except (KeyError, TypeError, ValueError):
        return None


def _untimely(line: Line, expires_ms: int, ended: Line | None) -> Iterator[Finding]:
    if ended is not None:
        yield _error(line, f"data leaves after {ended.type} ({ended.id})")
    elif parse_time(line.time) >= expires_ms:
        yield _error(line, "data leaves after the session's time is over")


def what_left_agrees(_: Evidence, session: Session) -> Iterator[Finding]:
    """Counts are those of the bitmaps, and operations name what was released before them."""
    released, withheld = RecordSet(Room()), False
    for line in session.stream:
        if line.type not in (*RELEASING, "operation"):
            continue
        try:
            bitmap = _bitmap(line, "records")
            if line.type == "operation":
                yield from _unreleased(line, bitmap, released, withheld=withheld)
                found = None if bitmap is None else count(bitmap)
            else:
                withheld |= bitmap is None and "records" in line.commitments
                found = None if bitmap is None else released.add(bitmap)
            yield from _miscounted(line, found)
        except BitmapError as fault:
            yield _error(line, f"the numbers of its records cannot be read: {fault}")
        except TooManyNumbers:
            yield Finding(_STEP, Severity.OPEN, line.name, "its session covers too many records")
            return


def _bitmap(line: Line, part: str) -> bytes | None:
    """The bytes of a disclosed bitmap; raises BitmapError."""
    if part not in line.shown:
        return None
    try:
        return b64decode(parse_canonical(line.shown[part]), validate=True)
    except (TypeError, ValueError) as fault:
        raise BitmapError("is not base64") from fault


def _miscounted(line: Line, found: int | None) -> Iterator[Finding]:
    said = line.body.get("record_count")
    if type(said) is not int or said < 0:
        yield _error(line, "it does not count its records")
    elif found is not None and found != said:
        yield _error(line, f"it counts {said} records and its bitmap holds {found}")
    elif said and "records" not in line.commitments:
        yield _error(line, f"it counts {said} records and commits to none")


def _unreleased(line: Line, bitmap: bytes | None, released: RecordSet, *, withheld: bool) -> Iterator[Finding]:
    """What an operation claims beyond what its session had received."""
    said, unknown = line.body.get("unknown_count"), line.shown.get("unknown")
    if type(said) is not int or bool(said) != ("unknown" in line.commitments):
        yield _error(line, "its count of unknown records does not fit what it commits to")
    elif unknown is not None and _length(unknown) != said:
        yield _error(line, f"it counts {said} unknown records and names {_length(unknown)}")
    if bitmap is not None and (lacking := released.lacked_of(bitmap)):
        if withheld:
            yield _note(line, "its records cannot be compared: not all releases are disclosed")
        else:
            yield _error(line, f"it names {lacking} records that were not released before")


def _length(part: bytes) -> int | None:
    value = parse_canonical(part)
    return len(value) if isinstance(value, list) else None


_SESSION_RULES: Final[tuple[Rule, ...]] = (
    opens_first_and_is_one,
    verdict_permits_before_opening,
    nothing_leaves_outside_its_time,
    what_left_agrees,
)


def withdrawn_do_not_leave(evidence: Evidence) -> Iterator[Finding]:
    """No release holds records of a subject who had withdrawn from the dataset before it."""
    room, gone, hidden = Room(), dict[str, RecordSet](), set[str]()
    for line in evidence.of_type("consent_withdrawn", *RELEASING):
        try:
            if line.type == "consent_withdrawn":
                _withdraw(line, gone, hidden, room)
            else:
                yield from _withdrawn(line, gone, hidden)
        except BitmapError as fault:
            yield _error(line, f"the numbers of its records cannot be read: {fault}")
        except TooManyNumbers:
            yield Finding(_STEP, Severity.OPEN, line.name, "too many records were withdrawn")
            return


def _withdraw(line: Line, gone: dict[str, RecordSet], hidden: set[str], room: Room) -> None:
    """The parts `records.N` of a withdrawal are the subject's records in version N of the dataset."""
    dataset = line.body.get("dataset_id")
    if not any(part.startswith("records.") for part in line.commitments):
        hidden.add(f"{dataset}")
    for part in line.commitments:
        name, _, version = part.partition(".")
        if name != "records":
            continue
        bitmap = _bitmap(line, part)
        if bitmap is None:
            hidden.add(f"{dataset} {version}")
        else:
            gone.setdefault(f"{dataset} {version}", RecordSet(room)).add(bitmap)


def _withdrawn(line: Line, gone: Mapping[str, RecordSet], hidden: set[str]) -> Iterator[Finding]:
    body = line.body
    place = f"{body.get('dataset_id')} {body.get('dataset_version')}"
    is_hidden = place in hidden or f"{body.get('dataset_id')}" in hidden
    if place not in gone and not is_hidden:
        return
    bitmap = _bitmap(line, "records")
    if is_hidden or (bitmap is None and "records" in line.commitments):
        yield _note(line, "whether it holds withdrawn records cannot be checked: not all is disclosed")
    if bitmap is not None and place in gone and (found := gone[place].shared_with(bitmap)):
        yield _error(line, f"it releases {found} records of a subject who had withdrawn")


def cited_objects_agree(evidence: Evidence) -> Iterator[Finding]:
    """Whoever cites a policy or dataset version that is here cites its hash; a disclosed text has that hash."""
    known: dict[str, Any] = {}
    for line in evidence.of_type("policy_version", "dataset_version", "verdict", "session_opened"):
        body = line.body
        if line.type == "policy_version":
            known[f"{line.stream} {body.get('policy_id')} {body.get('version')}"] = body.get("hash")
            yield from _another_text(line, body.get("hash"))
        elif line.type == "dataset_version":
            known[f"{body.get('dataset_id')} {body.get('version')}"] = body.get("digest")
        elif line.type == "verdict":
            yield from _another_contract(line, body.get("contract_hash"))
            for cited in (body, *_guardrails(body)):
                place = f"{line.stream} {cited.get('policy_id')} {cited.get('policy_version')}"
                if known.get(place, cited.get("policy_hash")) != cited.get("policy_hash"):
                    yield _error(line, "it cites another hash than that of its policy version")
        else:
            place = f"{body.get('dataset_id')} {body.get('dataset_version')}"
            if known.get(place, body.get("dataset_digest")) != body.get("dataset_digest"):
                yield _error(line, "it names another digest than that of its dataset version")


def _another_text(line: Line, digest: Any) -> Iterator[Finding]:
    text = line.shown.get("document")
    if text is not None and sha256_digest(text) != digest:
        yield _error(line, "the policy's text does not have the hash that entries cite")


def _another_contract(line: Line, digest: Any) -> Iterator[Finding]:
    text = line.shown.get("contract")
    if text is not None and sha256_digest(text) != digest:
        yield _error(line, "its contract does not have the hash that entries cite")


def _guardrails(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The policy versions that a verdict says guarded the dataset."""
    cited = verdict.get("guardrails")
    named = cited.get("policies") if isinstance(cited, dict) else None
    return [each for each in named if isinstance(each, dict)] if isinstance(named, list) else []


def guardrails_are_heeded(evidence: Evidence) -> Iterator[Finding]:
    """Each verdict cites the entry that last named its holder's guardrails, and the policies that stand there."""
    in_force: dict[str, Line] = {}
    for line in evidence.of_type("guardrails_changed", "verdict"):
        if line.type == "guardrails_changed":
            in_force[line.stream] = line
            continue
        cited, named = line.body.get("guardrails"), in_force.get(line.stream)
        entry = cited.get("entry") if isinstance(cited, dict) else None
        if entry != (None if named is None else named.id):
            yield _error(line, "it does not cite the guardrails in force")
        elif named is not None and [each.get("policy_id") for each in _guardrails(line.body)] != named.body.get(
            "policy_ids"
        ):
            yield _error(line, f"it cites other guardrails than {named.id} names")


def scope_is_shown(evidence: Evidence, sessions: Sequence[Session]) -> Iterator[Finding]:
    """The session that the scope names is here, and none of another dataset than the one it names."""
    wanted, dataset = evidence.scope.get("session_id"), evidence.scope.get("dataset_id")
    if wanted is not None and [session.id for session in sessions] != [wanted]:
        yield Finding(_STEP, Severity.ERROR, "manifest.json", f"the scope is session {wanted}, and not that is here")
    for session in sessions:
        if dataset is not None and session.opening.body.get("dataset_id") != dataset:
            yield _error(session.opening, "it is of another dataset than the scope's")


def statements_repeat_entries(evidence: Evidence) -> Iterator[Finding]:
    """What a person reads first says what the entries say, and nothing else."""
    if sum(len(line.raw) for line in evidence.of_type(*STATED)) > _MOST_STATED:
        yield Finding(_STEP, Severity.OPEN, "session.json", "there is too much to compare it with")
        return
    try:
        made = {f"{name}.json": canonical(value) for name, value in make_statements(evidence.lines).items()}
        lists = make_lists(evidence.lines)
    except CanonicalError as fault:
        yield Finding(_STEP, Severity.ERROR, "session.json", f"cannot be compared: {fault}")
        return
    for name, content in (made | lists).items():
        if name not in evidence.files:
            if name in made:
                yield Finding(_STEP, Severity.ERROR, name, "is missing: a bundle of sessions has it")
        elif evidence.files[name] != content:
            yield Finding(_STEP, Severity.ERROR, name, "does not repeat what the entries say")


def judge_sessions(evidence: Evidence) -> Iterator[Finding]:
    """What does not fit; nothing for a bundle that has no session in it and is about none."""
    streams: dict[str, list[Line]] = {}
    for line in evidence.lines:
        if (name := session_of(line)) is not None:
            streams.setdefault(name, []).append(line)
    if not streams and evidence.scope.keys().isdisjoint({"session_id", "dataset_id"}):
        return
    sessions = [Session(name, stream) for name, stream in streams.items()]
    yield from scope_is_shown(evidence, sessions)
    yield from cited_objects_agree(evidence)
    yield from guardrails_are_heeded(evidence)
    for session in sessions:
        for rule in _SESSION_RULES:
            yield from rule(evidence, session)
    yield from withdrawn_do_not_leave(evidence)
    yield from budgets_are_kept(evidence.lines, evidence.by_id)
    yield from statements_repeat_entries(evidence)
