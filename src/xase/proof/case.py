"""One bundle before the judge: what has been read so far, what was found, and the summing up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from xase.proof.archive import Limits
from xase.proof.bundle import RANGE, WHOLE
from xase.proof.chain import Link
from xase.proof.checkpoint import Checkpoint
from xase.proof.digest import format_digest
from xase.proof.entry import FIRST_SEQUENCE
from xase.proof.line import Line
from xase.proof.report import Finding, Report, Severity, Verdict
from xase.proof.statements import ENDINGS
from xase.proof.trust import Trust

_REPORT: Final = 9
_NAMED: Final = 10


@dataclass(slots=True)
class Case:
    """The state that the steps of a verification share. Each field is filled by the step named beside it."""

    trust: Trust
    limits: Limits
    steps: int = 0
    findings: list[Finding] = field(default_factory=list)
    severities: Counter[Severity] = field(default_factory=Counter)
    files: Mapping[str, bytes] = field(default_factory=dict)  # 0
    manifest: Mapping[str, Any] = field(default_factory=dict)  # 0
    listed: Mapping[str, str] = field(default_factory=dict)  # 0: path → hex
    checkpoint: Checkpoint | None = None  # 2
    start: Checkpoint | None = None  # 2
    witnessed_by: list[str] = field(default_factory=list)  # 2
    proofs: Mapping[str, Any] = field(default_factory=dict)  # 3
    leaves: list[bytes] = field(default_factory=list)  # 3
    nodes: list[bytes] = field(default_factory=list)  # 3
    lines: list[Line] = field(default_factory=list)  # 3
    links: dict[str, Link] = field(default_factory=dict)  # 4: where each stream stands
    starts: dict[str, int] = field(default_factory=dict)  # 4: the first sequence shown of each stream
    by_id: dict[str, Line] = field(default_factory=dict)  # 3: the first of each id

    def find(self, step: int, place: str, message: str, severity: Severity = Severity.ERROR) -> None:
        """Add a finding."""
        self.add(Finding(step, severity, place, message))

    def add(self, finding: Finding) -> None:
        """Add a finding; of those beyond the limit for their severity only the number is kept."""
        self.severities[finding.severity] += 1
        if self.severities[finding.severity] <= self.limits.max_findings:
            self.findings.append(finding)

    def is_hopeless(self) -> bool:
        """Whether so much is false already that reading on would only cost time."""
        return self.severities[Severity.ERROR] > 2 * self.limits.max_findings

    def verdict(self) -> Verdict:
        """What the findings come to. Falsehood outweighs what could not be judged."""
        if self.severities[Severity.ERROR]:
            return Verdict.FAILED
        if self.severities[Severity.OPEN]:
            return Verdict.NOT_JUDGED
        return Verdict.VERIFIED if self.trust.quorum else Verdict.UNWITNESSED

    def report(self) -> Report:
        """Step 9: verdict, findings in the order of the steps, what is proven, what cannot be known."""
        verdict = self.verdict()
        findings = sorted(self.findings, key=lambda finding: finding.step)
        if unspoken := self.severities.total() - len(findings):
            findings.append(Finding(_REPORT, Severity.NOTE, "", f"and {unspoken} findings more"))
        good = verdict in {Verdict.VERIFIED, Verdict.UNWITNESSED}
        return Report(verdict, findings, self._facts(), self._proven() if good else (), self._cannot_know(), self.steps)

    def _facts(self) -> dict[str, Any]:
        kinds = Counter(line.type for line in self.lines)
        head = self.checkpoint
        facts = {
            "bundle": self.manifest.get("bundle_id"),
            "created at": self.manifest.get("created_at"),
            "log": head and head.origin,
            "checkpoint size": head and head.size,
            "root": head and format_digest(head.root),
            "entries": len(self.lines),
            **{f"of type {kind}": count for kind, count in sorted(kinds.items())},
            "payload parts": self._shown(),
            "witnesses": ", ".join(self.witnessed_by) or "none",
        }
        return {name: value for name, value in facts.items() if value is not None} if self.files else {}

    def _shown(self) -> int:
        return sum(len(line.shown) for line in self.lines)

    def _proven(self) -> list[str]:
        head = self.checkpoint
        assert head is not None
        said = [
            "The manifest is signed by a trusted document key, and every file is the one that was signed.",
            f"The log {head.origin} of size {head.size} was signed by a trusted log key.",
            f"{_count(len(self.lines), 'entry', 'entries')} stood in it then, as shown and in this order.",
        ]
        said += [
            self._stretch(stream)
            for stream in sorted(self.links)
            if self.manifest["completeness"] == RANGE or stream.startswith(WHOLE)
        ]
        if self.start:
            said.append(f"The log of {head.size} entries extends the one of {self.start.size} that was signed before.")
        if shown := self._shown():
            said.append(
                f"{_count(shown, 'payload part', 'payload parts')} shown here were committed to by those entries."
            )
        if self.trust.quorum:
            said.append(f"The head was cosigned by {', '.join(self.witnessed_by)}.")
        return said

    def _stretch(self, stream: str) -> str:
        first, last = self.starts[stream], self.links[stream].sequence - 1
        since = "its beginning" if first == FIRST_SEQUENCE else f"sequence {first}"
        return f"Nothing is missing from {stream} between {since} and sequence {last}."

    def _cannot_know(self) -> list[str]:
        said = ["Whether what was recorded is true, and whether something was never recorded."]
        if not self.trust.quorum:
            said.append("Whether someone else was shown another history: no witness was asked for.")
        if self.checkpoint:
            size = self.checkpoint.size
            said.append(f"What happened after entry {size - 1}: a later intervention, erasure or revocation.")
        if self.manifest.get("completeness") == RANGE:
            said.append("What the streams hold before the first and after the last entry shown.")
        elif self.manifest:
            said += [f"Whether {stream} goes on: nothing that is shown ends it." for stream in self._unended()]
            said.append("What lies between the entries shown: this bundle is a selection.")
        return said

    def _unended(self) -> list[str]:
        """The sessions' streams without an ending; more than a few are named by their number."""
        ended = {line.stream for line in self.lines if line.type in ENDINGS}
        found = sorted(stream for stream in self.links if stream.startswith(WHOLE) and stream not in ended)
        return found if len(found) <= _NAMED else [f"each of {len(found)} sessions"]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
