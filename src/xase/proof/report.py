"""What a verification found: findings, a verdict, and what it means. Text for people, a dictionary for programs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Severity(StrEnum):
    """What a finding does to the verdict."""

    ERROR = "error"
    """The evidence is false: FAILED."""
    OPEN = "open"
    """Something needed for a judgement is not there: NOT JUDGED, unless something else is false."""
    NOTE = "note"
    """Worth knowing; changes nothing."""


class Verdict(StrEnum):
    """The outcome, in the words people read."""

    VERIFIED = "VERIFIED"
    UNWITNESSED = "VERIFIED, UNWITNESSED"
    FAILED = "FAILED"
    NOT_JUDGED = "NOT JUDGED"


EXIT_CODES: Final[Mapping[Verdict, int]] = {
    Verdict.VERIFIED: 0,
    Verdict.UNWITNESSED: 0,
    Verdict.FAILED: 6,
    Verdict.NOT_JUDGED: 7,
}

STEPS: Final = (
    "format and limits",
    "manifest signature and file hashes",
    "checkpoint signatures",
    "form of each entry",
    "stream links and sequence",
    "inclusion of each entry",
    "consistency of the checkpoints",
    "story",
    "payload commitments",
    "report",
)
"""The verification's steps; a finding's `step` is the place in this list, from 0."""

_REPORT: Final = STEPS.index("report")
"""What is found here, such as that the verifier gave up, concerns every step."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: at which step, how grave, where, and what."""

    step: int
    severity: Severity
    place: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The finding for programs."""
        return {
            "step": self.step,
            "step_name": STEPS[self.step],
            "severity": self.severity.value,
            "place": self.place,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of verifying one bundle.

    `facts` repeat what the bundle says of itself (id, log, sizes) and are to be believed only if the verdict is a good
    one; `proven` and `cannot_know` are sentences. `steps` is how many of `STEPS` were gone through: what cannot be read
    ends it early, and of later steps nothing is known.
    """

    verdict: Verdict
    findings: Sequence[Finding]
    facts: Mapping[str, Any]
    proven: Sequence[str]
    cannot_know: Sequence[str]
    steps: int = len(STEPS)

    @property
    def exit_code(self) -> int:
        """0 verified, 6 failed, 7 could not be judged."""
        return EXIT_CODES[self.verdict]

    def passed(self, steps: Collection[int]) -> bool:
        """Whether these steps were gone through, and found nothing against the bundle."""
        wrong = {finding.step for finding in self.findings if finding.severity is not Severity.NOTE}
        return max(steps) < self.steps and wrong.isdisjoint({*steps, _REPORT})

    @property
    def verified(self) -> bool:
        """Whether every step passed."""
        return self.exit_code == 0

    def to_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "findings": [finding.to_dict() for finding in self.findings],
            "facts": dict(self.facts),
            "proven": list(self.proven),
            "cannot_know": list(self.cannot_know),
        }

    def to_text(self) -> str:
        """The report for people, without colours; what bundles say in it cannot move the cursor."""
        lines = [self.verdict.value, ""]
        width = max(map(len, self.facts), default=0) + 2
        lines += [f"{name:<{width}}{printable(value)}" for name, value in self.facts.items()]
        lines += ["", *_section("Findings", map(_line, self.findings))]
        lines += _section("Proven", self.proven)
        lines += _section("What offline checking cannot know", self.cannot_know)
        return "\n".join(lines).rstrip() + "\n"


def _section(title: str, items: Any) -> list[str]:
    lines = [f"  - {item}" for item in items]
    return [title, *lines, ""] if lines else []


def _line(finding: Finding) -> str:
    place = f"{finding.place}: " if finding.place else ""
    said = printable(f"{place}{finding.message}")
    return f"step {finding.step} ({STEPS[finding.step]}), {finding.severity}: {said}"


def printable(value: Any) -> str:
    """The value as one line on which nothing is invisible or moves the cursor."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in str(value))
