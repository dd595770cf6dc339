"""The chapters about sessions: who had access to what, by which verdict, what left, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.json import decode

from xase.proof.entry import format_time
from xase_server.domain.times import format_duration
from xase_server.policy.words import operation_in_words
from xase_server.services.report.blocks import (
    Bars,
    Block,
    Chapter,
    Code,
    Kind,
    Lanes,
    Numbers,
    Paragraph,
    Path,
    Section,
    Strong,
    Table,
    Text,
)
from xase_server.services.report.story import SHOWN, Story

Parts = Mapping[str, Mapping[str, bytes]]
"""The disclosed parts of verdicts, by entry and name."""

_STRETCHES: Final = 60
_CHECKS: Final = (
    ("Rule", Kind.TEXT),
    ("Clause", Kind.TEXT),
    ("Wanted", Kind.TEXT),
    ("Asked for", Kind.TEXT),
    ("Held", Kind.TEXT),
)


def chapter_of(title: Text, said: Mapping[str, Any], usage: Mapping[str, Any], story: Story, parts: Parts) -> Chapter:
    """Everything about one session; `said` is what session.json says of it, `usage` what usage.json does."""
    verdict = parts.get(str(said.get("verdict")), {})
    return Chapter(
        title,
        (Paragraph(tuple(_summary(said))), _figures(usage)),
        (
            Section("From data to decision", [_lineage(said, usage, story)]),
            *_lanes(said, story),
            *_days(usage),
            *_fields(usage, verdict.get("contract")),
            Section("Why it was permitted", _checks(verdict.get("trace"))),
        ),
    )


def _summary(said: Mapping[str, Any]) -> Iterator[str]:
    yield from (Strong(said["organisation"]), " had access to dataset ", Code(said["dataset_id"]))
    yield from (f", version {said['dataset_version']}, for ", Strong(said["purpose"]))
    yield f", from {said['opened_at']} until {said['expires_at']} at the latest"
    if "policy_id" in said:
        yield from (f", under version {said['policy_version']} of the policy ", Code(said["policy_id"]))
    for guardrail in said.get("guardrails", {}).get("policies", ()):
        yield from (f", guarded by version {guardrail['policy_version']} of ", Code(guardrail["policy_id"]))
    if said["ended"] is None:
        yield ". Nothing here ends it."
    else:
        yield from (". It ended by ", Strong(said["ended"]["type"].replace("_", " ")), f" at {said['ended']['time']}.")


def _figures(usage: Mapping[str, Any]) -> Numbers:
    releases = usage["releases"] + usage["aggregates"] + usage["transforms"]
    return Numbers(
        (
            ("Records released", f"{usage['records_released']:,}"),
            ("Releases", f"{releases:,}"),
            ("Operations", f"{usage['operations']:,}"),
            ("Claimed, not received", f"{usage['unknown_in_operations']:,}"),
        )
    )


def _lineage(said: Mapping[str, Any], usage: Mapping[str, Any], story: Story) -> Path:
    """From data to decision, as far as the bundle shows it."""
    stages = [
        ("Dataset version", f"{said['dataset_id']} v{said['dataset_version']}"),
        ("Session", f"{usage['records_released']:,} records released"),
    ]
    if usage["operations"]:
        stages.append(("Operations", f"{usage['operations']:,}, on {usage['records_in_operations']:,} records"))
    models = usage["models"]
    if models:
        stages.append(("Models" if len(models) > 1 else "Model", ", ".join(models)))
    decided = sum(story.models[model] for model in models)
    return Path([*stages, ("Decisions", f"{decided:,}")] if decided else stages)


def _lanes(said: Mapping[str, Any], story: Story) -> Iterator[Section]:
    """The session's time in equal stretches, from its opening to the last of its entries."""
    lanes = story.moments.get(said["session_id"], {})
    moments = [moment for each in lanes.values() for moment in each]
    if not moments:
        return
    first, last = min(moments), max(moments)
    stretch = max(last - first, 1) / _STRETCHES
    shown = []
    for name, when in lanes.items():
        counts = [0] * _STRETCHES
        for moment in when:
            counts[min(int((moment - first) / stretch), _STRETCHES - 1)] += 1
        shown.append((name, counts))
    about = "; ".join(f"{name}: {len(when):,}" for name, when in lanes.items())
    yield Section("What happened when", [Lanes(about, shown, (format_time(first), format_time(last)))])


def _days(usage: Mapping[str, Any]) -> Iterator[Section]:
    days = [(day["day"], day["records"]) for day in usage["days"]]
    if not days:
        return
    highest, most = max(days, key=lambda day: day[1])
    about = f"At most {most:,} on one day, {highest}"
    block: Block = Bars(about, days, (days[0][0], days[-1][0]))
    if len(days) == 1:
        block = Paragraph((f"All on {highest}: {most:,} records in {usage['days'][0]['releases']:,} releases.",))
    yield Section("Records released by day", [block])


def _fields(usage: Mapping[str, Any], contract: bytes | None) -> Iterator[Section]:
    if not usage["fields"]:
        return
    if contract is None:
        yield Section("Fields that left", [Paragraph(_listed(usage["fields"]))])
        return
    transforms = decode(contract)["transforms"]
    rows = [(name, _changed(name, transforms)) for name in usage["fields"]]
    columns = (("Field", Kind.CODE), ("As the session saw it", Kind.TEXT))
    yield Section("Fields that left", [Table(columns, rows[:SHOWN], len(rows))])


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(piece for name in names for piece in (", ", Code(name)))[1:]


def _changed(field: str, transforms: Mapping[str, Mapping[str, Any]]) -> str:
    """What became of a field's values; a transform of a field holds for all below it."""
    path = field.split(".")
    names = (".".join(path[:depth]) for depth in range(len(path), 0, -1))
    spec = next((transforms[name] for name in names if name in transforms), None)
    return "as it is" if spec is None else operation_in_words(spec["op"])


def _checks(trace: bytes | None) -> list[Block]:
    if trace is None:
        return [Paragraph(("How the verdict came about is the holder's to disclose; its entry commits to the trace.",))]
    told = decode(trace)
    checks = sorted(told["checks"], key=lambda check: told["chosen"].get(check["layer"]) != check["rule"])
    rows = [_check_row(check) for check in checks[:SHOWN]]
    chosen = ", ".join(told["chosen"].values()) or "none"
    said = ("The policy was held against the request, clause by clause. The rule that decided: ", Strong(chosen), ".")
    return [Paragraph(said), Table(_CHECKS, rows, len(checks))]


def _check_row(check: Mapping[str, Any]) -> tuple[str, ...]:
    got = check["got"]
    asked = format_duration(got) if check["clause"] == "max_duration" and got else _plain(got)
    return (check["rule"], check["clause"].replace("_", " "), _plain(check["wanted"]), asked, _held(check["held"]))


def _held(held: bool) -> str:  # noqa: FBT001 - it is the value itself
    return "✓ yes" if held else "✗ no"


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
