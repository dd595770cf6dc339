"""The account that a bundle's entries give (docs/spec/evidence.md, section 6)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from xase_server.domain.errors import Refused
from xase_server.policy.load import load
from xase_server.policy.words import in_words
from xase_server.services.report.blocks import (
    Account,
    Bars,
    Block,
    Chapter,
    Code,
    Commands,
    Kind,
    Numbers,
    Paragraph,
    Rules,
    Section,
    Table,
)
from xase_server.services.report.sessions import Parts, chapter_of
from xase_server.services.report.story import SHOWN, First, Story

Columns = Sequence[tuple[str, Kind]]

_SESSIONS: Final = 20
_TIME, _ENTRY, _RECORD = ("Time", Kind.TEXT), ("Entry", Kind.CODE), ("Record", Kind.CODE)
_PLACE = ("Place in the log", Kind.NUMBER)
_LEAD: Final = (
    "This report repeats what the signed entries of its bundle say, so that a person can read it. It proves nothing by "
    "itself: anyone can write a report. The proof is in the other files, and a stranger can check it without a network "
    "or an account, with the commands at the end."
)
_PROVES: Final = (
    "Each entry was in the log when the checkpoint was signed, in this order, and nothing in it was changed since.",
    "What is disclosed of payloads is what was committed to at the time.",
    "Of each session shown, nothing is missing between its opening and the last entry shown.",
)
_CANNOT: Final = (
    "That what was recorded was true, or that everything that happened was recorded.",
    "That nobody was shown another history: only witnesses, or other copies of checkpoints, can tell.",
    "What happened after the checkpoint: a later erasure, intervention or revocation.",
)


def tell(
    facts: Mapping[str, Any],
    entries: Iterable[bytes],
    statements: Mapping[str, Any] | None = None,
    parts: Parts | None = None,
) -> Account:
    """The account of these facts (bundle id, title, log, …) and entries.

    With `statements` (`xase.proof.statements`) it also tells of sessions, with `parts` why they were permitted.
    """
    story = Story.of(entries)
    told = statements or {}
    chapters = [*_sessions(told, story, parts or {}), *_policies(told), *_people(story)]
    if told:
        chapters.append(_timeline(story))
    if story.decisions.total or not told:
        chapters += _decisions(story)
    return Account(
        bundle_id=facts["bundle_id"],
        title=facts["title"],
        made=tuple(_made(facts)),
        lead=(Paragraph((_LEAD,)),),
        chapters=[*chapters, _checking(facts)],
    )


def _made(facts: Mapping[str, Any]) -> Iterator[str]:
    yield from (Code(facts["bundle_id"]), f" · made {facts['created_at']}")
    if facts["purpose"]:
        yield f" · {facts['purpose']}"


def _sessions(statements: Mapping[str, Any], story: Story, parts: Parts) -> Iterator[Chapter]:
    said = statements.get("session", {}).get("sessions", [])
    used = statements.get("usage", {}).get("sessions", [])
    for each, usage in zip(said[:_SESSIONS], used[:_SESSIONS], strict=True):
        title = ("Session ", Code(each["session_id"])) if len(said) > 1 else ("Who had access to what",)
        yield chapter_of(title, each, usage, story, parts)
    if len(said) > _SESSIONS:
        text = f"The first {_SESSIONS} of {len(said):,} sessions are told here; all are in session.json and usage.json."
        yield Chapter(("More sessions",), (Paragraph((text,)),))


def _policies(statements: Mapping[str, Any]) -> Iterator[Chapter]:
    policies = statements.get("policy", {}).get("policies", [])
    sections = [Section(f"{each['policy_id']}, version {each['version']}", _policy(each)) for each in policies]
    if sections:
        yield Chapter(("The policy, in words",), (), sections)


def _policy(said: Mapping[str, Any]) -> list[Block]:
    document = said.get("document")
    if document is None:
        return [Paragraph(("Its text is the holder's to disclose. Its hash is ", Code(said["hash"]), "."))]
    try:
        sentences = in_words(load(document))
    except Refused:  # a form that an earlier version accepted
        return [Paragraph(("It is in policy.json, in a form that this version does not put in words.",))]
    note = Paragraph(("The document itself is in policy.json; its hash is ", Code(said["hash"]), "."), soft=True)
    return [Rules(sentences), note]


def _people(story: Story) -> Iterator[Chapter]:
    """Requests, and what people had to say to them."""
    if story.verdicts.total:
        columns: Columns = (_TIME, ("Who asked", Kind.TEXT), ("Purpose", Kind.TEXT), ("Verdict", Kind.TEXT), _ENTRY)
        yield Chapter(("Requests and their verdicts",), (_table(columns, story.verdicts, _verdict_row),))
    if story.approvals.total:
        columns = (_TIME, ("Role", Kind.TEXT), ("Vote", Kind.TEXT), ("The request then", Kind.TEXT), _ENTRY)
        yield Chapter(("Approvals",), (_table(columns, story.approvals, _approval_row),))
    if story.withdrawals.total:
        columns = (_TIME, ("Dataset", Kind.CODE), _ENTRY)
        said = "From each of these entries on, no release may hold a record of the person who withdrew."
        table = _table(columns, story.withdrawals, lambda each: (each["body"]["dataset_id"],))
        yield Chapter(("Consent withdrawn",), (Paragraph((said,)), table))


def _verdict_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    body = entry["body"]
    why = f": {', '.join(body['violations']).replace('_', ' ')}" if body.get("violations") else ""
    outcome = body["outcome"].replace("_", " ")
    return (entry["actor"].get("organisation", "–"), body["purpose"], f"{outcome}{why}")


def _approval_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    body = entry["body"]
    return (body.get("role", "–"), body.get("vote", "–"), str(body.get("status", "–")).lower())


def _timeline(story: Story) -> Chapter:
    columns = (_TIME, ("What happened", Kind.TEXT), ("Records", Kind.NUMBER), _ENTRY)

    def row(entry: Mapping[str, Any]) -> tuple[str, ...]:
        count = entry["body"].get("record_count")
        return (_happened(entry), "" if count is None else f"{count:,}")

    return Chapter(("Timeline",), (_table(columns, story.timeline, row),))


def _happened(entry: Mapping[str, Any]) -> str:
    body, what = entry["body"], entry["type"].replace("_", " ")
    more = body.get("outcome") or body.get("operation_type") or body.get("vote")
    return what if more is None else f"{what}: {more.replace('_', ' ')}"


def _decisions(story: Story) -> Iterator[Chapter]:
    figures = (
        ("Decisions", f"{story.decisions.total:,}"),
        ("Interventions", f"{story.interventions.total:,}"),
        ("Erased payloads", f"{story.erasures.total:,}"),
        ("Models", f"{len(story.models):,}"),
    )
    yield Chapter(("Decisions",), (Numbers(figures),), [*_pictures(story), *_models(story)])
    if story.interventions.total:
        columns: Columns = (_TIME, ("Action", Kind.TEXT), _RECORD, _PLACE)
        yield Chapter(("Interventions",), (_table(columns, story.interventions, _intervention_row),))
    if story.decisions.total:
        columns = (_TIME, _RECORD, ("Model", Kind.TEXT), ("Confidence", Kind.NUMBER), _PLACE)
        table = _table(columns, story.decisions, lambda entry: _decision_row(entry, story))
        blocks: list[Block] = [table]
        if story.intervened:
            blocks.append(Paragraph(("● A person intervened in this decision.",), soft=True))
        yield Chapter(("Decision records",), blocks)


def _pictures(story: Story) -> Iterator[Section]:
    days = sorted(story.days.items())
    if len(days) > 1:
        about = f"At most {max(story.days.values()):,} on one day"
        yield Section("Decisions by day", [Bars(about, days, (days[0][0], days[-1][0]))])
    if any(story.confidences):
        steps = [(f"{n * 5}–{n * 5 + 5} %", count) for n, count in enumerate(story.confidences)]
        yield Section("Confidence", [Bars("Decisions by confidence in steps of 5 percent", steps, ("0 %", "100 %"))])


def _models(story: Story) -> Iterator[Section]:
    if story.models:
        rows = [(model, f"{count:,}") for model, count in story.models.most_common(SHOWN)]
        table = Table((("Model", Kind.TEXT), ("Decisions", Kind.NUMBER)), rows, len(story.models))
        yield Section("Models", [table])


def _intervention_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (entry["body"]["action"], entry["body"]["record_id"])


def _decision_row(entry: Mapping[str, Any], story: Story) -> tuple[str, ...]:
    mark = " ●" if story.intervened[entry["id"]] else ""
    return (f"{entry['id']}{mark}", entry["body"]["model_id"], str(entry["body"].get("confidence", "–")))


def _table(columns: Columns, first: First, cells: Any) -> Table:
    """A table whose rows begin with the time, and end with where the entry is found."""
    end = "index" if columns[-1] is _PLACE else "id"
    rows = [(each["time"], *cells(each), str(each[end])) for each in first.entries]
    return Table(columns, rows, first.total)


def _checking(facts: Mapping[str, Any]) -> Chapter:
    name = facts["bundle_id"]
    commands = (
        f"xase verify {name}.zip --key xase-signing-keys.json",
        f"unzip {name}.zip -d bundle && sh bundle/verify.sh document-key.pem log-key.pem",
    )
    log = f"{facts['tree_size']:,} entries"
    return Chapter(
        ("Check it yourself",),
        (
            Paragraph(("Get the signing keys from the organisation by a way that you trust, not from this bundle.",)),
            Commands(commands),
            Paragraph(("The log ", Code(facts["log"]), f" held {log} under the checkpoint of this bundle."), soft=True),
        ),
        (
            Section("What it proves, if it verifies", [Rules([(each, ()) for each in _PROVES])]),
            Section("What it cannot prove", [Rules([(each, ()) for each in _CANNOT])]),
        ),
    )
