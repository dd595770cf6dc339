"""Are the payloads and derived rows those of the entries? A part of the audit."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nextafter
from typing import Final

from msgspec.json import Decoder, decode

from xase.proof.digest import commitment
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import Part
from xase_server.ledger.findings import Findings
from xase_server.ledger.line import Placed, read_line
from xase_server.ports import DecisionRow, Reads

_MOST_LISTS: Final = 10_000
_CONFIDENCE_BINS: Final = 16
_COUNT_ONLY: Final = Page(limit=1)
_commitments: Final = Decoder(dict[str, str]).decode


class DerivedCheck:
    """Compares, piece by piece, what is stored beside the entries with what they say.

    `complete` says that the pieces begin with the first entry: then numbers and totals are checked too.
    """

    def __init__(self, findings: Findings, *, complete: bool) -> None:
        self._findings = findings
        self._complete = complete
        self._numbers: Counter[str] = Counter()
        self._totals: Counter[tuple[str, DecisionFilter]] = Counter()
        self._kinds: dict[str, Callable[[Reads, str, Sequence[Placed]], None]] = {
            "decision": self._decisions,
            "intervention": self._interventions,
            "key_created": self._keys,
            "bundle_exported": self._bundles,
        }

    def piece(self, reads: Reads, first: int, limit: int, entries: Iterable[Placed]) -> None:
        """Check the payload parts and rows of the entries with index in [first, first + limit)."""
        parts = reads.parts(first, limit)
        groups: defaultdict[tuple[str, str], list[Placed]] = defaultdict(list)
        for each in entries:
            self._parts(each, parts.get(each.at, {}))
            groups[each.line.type, each.line.actor.organisation].append(each)
        for (kind, organisation), group in groups.items():
            if kind != "decision":
                self._ids(reads, group)
            if check := self._kinds.get(kind):
                check(reads, organisation, group)

    def end(self, reads: Reads) -> None:
        """Check the totals of the lists; only for a log that did not grow meanwhile."""
        for (organisation, criteria), expected in self._totals.items():
            total = reads.list_decisions(organisation, criteria, _COUNT_ONLY).total
            if total != expected:
                self._findings.add(
                    reads.head().size - 1, "", f"{organisation} lists {total} decisions, not {expected}, by {criteria}"
                )

    # ------------------------------------------------------------------ payloads and ids

    def _parts(self, entry: Placed, stored: Mapping[str, Part]) -> None:
        commitments = _commitments(entry.line.commitments)
        for name, part in stored.items():
            if commitments.get(name) != commitment(name, part.salt, part.canonical):
                self._findings.add(entry.at, entry.line.id, f"the stored {name} is not what the entry commits to")
        if len(stored) < len(commitments) and entry.line.type != "decision":
            self._findings.add(entry.at, entry.line.id, "a payload part is missing")

    def _ids(self, reads: Reads, entries: Sequence[Placed]) -> None:
        for each in entries:
            found = reads.any_entry(each.line.id)
            if found is None or found[0] != each.at:
                self._findings.add(each.at, each.line.id, "the entry is not found by its id")

    # ------------------------------------------------------------------ rows

    def _decisions(self, reads: Reads, organisation: str, entries: Sequence[Placed]) -> None:
        rows = {row.id: row for row in reads.decisions(organisation, [each.line.id for each in entries])}
        for each in entries:
            row = rows.get(each.line.id)
            if row is None or row.raw != each.raw:
                self._findings.add(each.at, each.line.id, "the decision is not in the list of decisions")
                continue
            self._erasure(each, row)
            if self._complete:
                if row.number != self._numbers[organisation]:
                    self._findings.add(each.at, each.line.id, f"the decision has number {row.number} in the list")
                self._count(organisation, each, row)
            self._numbers[organisation] += 1

    def _erasure(self, entry: Placed, row: DecisionRow) -> None:
        """What is missing must have been erased, by an entry that says so."""
        missing = _commitments(entry.line.commitments).keys() - row.parts.keys()
        erased = decode(read_line(row.erasure.raw).body) if row.erasure else {}
        if not missing <= set(erased.get("parts", ())):
            self._findings.add(entry.at, entry.line.id, f"missing without an erasure: {', '.join(sorted(missing))}")
        if erased.get("record_id", entry.line.id) != entry.line.id:
            self._findings.add(entry.at, entry.line.id, "the erasure is of another record")

    def _count(self, organisation: str, entry: Placed, row: DecisionRow) -> None:
        body = decode(entry.line.body)
        model, policy, confidence = body.get("model_id"), body.get("policy_id"), body.get("confidence")
        criteria = [DecisionFilter(), DecisionFilter(model_id=model), DecisionFilter(policy_id=policy)]
        criteria += [DecisionFilter(model_id=model, policy_id=policy)]
        criteria += [_bin(confidence)] if confidence is not None else []
        if row.intervened:
            criteria += [DecisionFilter(has_intervention=True), DecisionFilter(model_id=model, has_intervention=True)]
        if len(self._totals) < _MOST_LISTS:
            self._totals.update({(organisation, each): 1 for each in criteria})

    def _interventions(self, reads: Reads, organisation: str, entries: Sequence[Placed]) -> None:
        targets = {each.line.id: _record_id(each.line.body) for each in entries}
        records = list(dict.fromkeys(targets.values()))
        known = {(row.id, row.record_id) for row in reads.interventions(organisation, records)}
        marked = {row.id for row in reads.decisions(organisation, records) if row.intervened}
        for each in entries:
            if (each.line.id, targets[each.line.id]) not in known or targets[each.line.id] not in marked:
                self._findings.add(each.at, each.line.id, "the intervention is not found at its decision")

    def _keys(self, reads: Reads, organisation: str, entries: Sequence[Placed]) -> None:
        known = {key.id for key in reads.keys(organisation)}
        for each in entries:
            if each.line.id not in known:
                self._findings.add(each.at, each.line.id, "the API key is missing")

    def _bundles(self, reads: Reads, organisation: str, entries: Sequence[Placed]) -> None:
        for each in entries:
            row = reads.bundle(organisation, each.line.id)
            if row is None or row.sha256 != _bundle_hash(reads, each.line.id):
                self._findings.add(each.at, each.line.id, "the bundle's bytes are not those that were exported")


def _record_id(body: bytes) -> str:
    return str(decode(body)["record_id"])


def _bin(confidence: float) -> DecisionFilter:
    """A sixteenth of the range of confidences; the last holds 1, too."""
    place = min(int(confidence * _CONFIDENCE_BINS), _CONFIDENCE_BINS - 1)
    above = (place + 1) / _CONFIDENCE_BINS
    return DecisionFilter(
        min_confidence=place / _CONFIDENCE_BINS, max_confidence=above if above == 1 else nextafter(above, 0)
    )


def _bundle_hash(reads: Reads, identifier: str) -> str:
    digest, number = hashlib.sha256(), 0
    while piece := reads.bundle_chunk(identifier, number):
        digest.update(piece)
        number += 1
    return digest.hexdigest()
