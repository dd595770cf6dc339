"""`report.html` of a bundle: what its entries say, for people. Self-contained, no script.

Every statement repeats an entry of the same bundle; the page proves nothing by itself and says so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from msgspec.json import decode

if TYPE_CHECKING:
    from jinja2 import Template

_SHOWN: Final = 500
_WIDTH: Final = 720
_HEIGHT: Final = 120


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of a picture, in pixels from the bottom left."""

    label: str
    count: int
    x: float
    width: float
    height: float


@dataclass(slots=True)
class Story:
    """What the bundle's entries say, counted once."""

    timeline: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    interventions: list[dict[str, Any]] = field(default_factory=list)
    erasures: list[dict[str, Any]] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    confidences: Counter[int] = field(default_factory=Counter)

    def add(self, entry: dict[str, Any]) -> None:
        """Count one entry; types without a place on the page are passed over."""
        if entry["type"] == "decision":
            self.decisions.append(entry)
            self.models[entry["body"]["model_id"]] += 1
            self.days[entry["time"][:10]] += 1
            if "confidence" in entry["body"]:
                self.confidences[min(int(entry["body"]["confidence"] * 20), 19)] += 1
        elif entry["type"] == "intervention":
            self.interventions.append(entry)
        elif entry["type"] == "payload_erased":
            self.erasures.append(entry)
        else:
            self.timeline.append(entry)


def render_report(
    facts: dict[str, Any], entries: Iterable[bytes], statements: Mapping[str, Any] | None = None
) -> bytes:
    """The page for these facts (bundle id, scope, log, …) and entries, as UTF-8 HTML.

    With `statements` (`xase.proof.statements`) it also tells of sessions.
    """
    story = Story()
    for raw in entries:
        story.add(decode(raw))
    page = _template().render(
        facts=facts,
        story=story,
        by_day=bars(sorted(story.days.items())),
        by_confidence=bars([(f"{n * 5}–{n * 5 + 5} %", story.confidences[n]) for n in range(20)])
        if story.confidences
        else [],
        shown=_SHOWN,
        intervened=Counter(entry["body"]["record_id"] for entry in story.interventions),
        sessions=_sessions(statements or {}, story),
        width=_WIDTH,
        height=_HEIGHT,
    )
    return page.encode()


def _sessions(statements: Mapping[str, Any], story: Story) -> list[dict[str, Any]]:
    """What the page says of each session: its terms, its use, its days as columns, and who decided by it later."""
    used = statements.get("usage", {}).get("sessions", [])
    return [
        {
            "said": said,
            "usage": usage,
            "days": bars([(day["day"], day["records"]) for day in usage["days"]]),
            "lineage": _lineage(said, usage, story),
        }
        for said, usage in zip(statements.get("session", {}).get("sessions", []), used, strict=True)
    ]


def _lineage(said: Mapping[str, Any], usage: Mapping[str, Any], story: Story) -> list[tuple[str, str]]:
    """From data to decision, step by step, as far as the bundle shows it."""
    steps = [
        ("Dataset version", f"{said['dataset_id']} v{said['dataset_version']}"),
        ("Session", f"{usage['records_released']:,} records"),
    ]
    if usage["operations"]:
        steps.append(("Operations", f"{usage['operations']} on {usage['records_in_operations']:,}"))
    steps += [("Model", model) for model in usage["models"][:1]]
    decided = sum(story.models[model] for model in usage["models"])
    return [*steps, ("Decisions", f"{decided:,}")] if decided else steps


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    """The columns of a picture `_WIDTH` by `_HEIGHT`; the highest fills it."""
    if not counts:
        return []
    top = max(count for _, count in counts) or 1
    step = _WIDTH / len(counts)
    return [
        Bar(label, count, round(n * step + step * 0.1, 2), round(step * 0.8, 2), round(_HEIGHT * count / top, 2))
        for n, (label, count) in enumerate(counts)
    ]


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("xase_server.services"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
