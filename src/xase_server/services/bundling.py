"""Collecting what a bundle holds, and making its bytes (docs/spec/evidence.md, section 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.json import decode

from xase.proof.bundle import BundleContents, Disclosure, build_bundle, proof_nodes
from xase.proof.entry import format_time, parse_time
from xase.proof.keys import DocumentSigner
from xase.proof.merkle import read_subtrees
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import Part, Stream, decisions_stream
from xase_server.domain.errors import Refused, not_found
from xase_server.ledger.read import Tree
from xase_server.ports import DecisionRow, Reads
from xase_server.services.report import render_report
from xase_server.services.views import View

_STEP: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose evidence is asked for: named records, a model's, or everything of a period."""

    organisation: str
    record_ids: tuple[str, ...]
    model_id: str | None
    since_ms: int | None
    until_ms: int | None
    include_payloads: bool

    def view(self) -> View:
        """The scope as the manifest says it."""
        view: View = {"organisation": self.organisation, "include_payloads": self.include_payloads}
        if self.record_ids:
            view["record_ids"] = list(self.record_ids)
        if self.model_id is not None:
            view["model_id"] = self.model_id
        if self.since_ms is not None:
            view["from"] = format_time(self.since_ms)
        if self.until_ms is not None:
            view["until"] = format_time(self.until_ms)
        return view

    @property
    def is_complete(self) -> bool:
        """Whether the bundle holds every entry of a stretch, so that nothing in it can be missing."""
        return not self.record_ids and self.model_id is None


@dataclass(slots=True)
class Collected:
    """Entries by index with the parts that may be disclosed."""

    entries: dict[int, bytes]
    parts: dict[int, Mapping[str, Part]]
    decisions: int = 0

    def add(self, raw: bytes, parts: Mapping[str, Part]) -> None:
        """Take in one entry."""
        entry = decode(raw)
        self.entries[entry["index"]] = raw
        self.parts[entry["index"]] = parts
        self.decisions += entry["type"] == "decision"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's bytes and what they hold."""

    content: bytes
    record_count: int
    entry_count: int
    tree_size: int


def make_bundle(
    reads: Reads,
    scope: Scope,
    signer: DocumentSigner,
    *,
    bundle_id: str,
    created_at: str,
    purpose: str | None,
    limit: int,
) -> Bundle:
    """The bundle over one consistent view of the store.

    Raises `not_found` for a record that does not exist, `validation_error` when the scope holds
    more than `limit` entries.
    """
    collected = _collect_stretch(reads, scope, limit) if scope.is_complete else _collect_records(reads, scope, limit)
    indices = sorted(collected.entries)
    entries = [collected.entries[index] for index in indices]
    head = reads.head()
    tree = Tree(reads)
    start = reads.checkpoint_before(indices[0]) if indices and indices[0] else None
    facts = {
        "bundle_id": bundle_id,
        "created_at": created_at,
        "purpose": purpose,
        "title": _title(scope),
        "tree_size": head.size,
        "log": head.log,
    }
    contents = BundleContents(
        bundle_id=bundle_id,
        created_at=created_at,
        scope=scope.view() | ({"purpose": purpose} if purpose else {}),
        completeness="range" if scope.is_complete else "selection",
        entries=entries,
        nodes=read_subtrees(proof_nodes(indices, head.size), tree.node),
        checkpoint=head.checkpoint,
        checkpoint_start=start,
        consistency=tree.consistency(_size_of(start), head.size) if start else (),
        disclosures=list(_disclosures(collected)) if scope.include_payloads else (),
        report_html=render_report(facts, entries),
    )
    return Bundle(build_bundle(contents, signer), collected.decisions, len(entries), head.size)


def _size_of(note: str) -> int:
    return int(note.split("\n", 2)[1])


def _title(scope: Scope) -> str:
    if scope.model_id is not None:
        return f"Decisions of {scope.model_id}"
    return f"{len(scope.record_ids)} decision records" if scope.record_ids else "All decisions of a period"


def _collect_records(reads: Reads, scope: Scope, limit: int) -> Collected:
    """Decision records with everything that happened to them since."""
    collected = Collected({}, {})
    for rows in _decision_rows(reads, scope):
        for row in rows:
            collected.add(row.raw, row.parts)
            if row.erasure is not None:
                collected.add(row.erasure.raw, row.erasure.parts)
        touched = [row.id for row in rows if row.intervened]
        for intervention in reads.interventions(scope.organisation, touched) if touched else ():
            collected.add(intervention.raw, intervention.parts)
        _refuse_beyond(len(collected.entries), limit)
    return collected


def _decision_rows(reads: Reads, scope: Scope) -> Iterator[Sequence[DecisionRow]]:
    if scope.record_ids:
        yield _named(reads, scope)
        return
    criteria = DecisionFilter(model_id=scope.model_id, since_ms=scope.since_ms, until_ms=scope.until_ms)
    after: int | None = None
    while True:
        page = reads.list_decisions(scope.organisation, criteria, Page(limit=_STEP, after=after, descending=False))
        yield page.rows
        if page.next_after is None:
            return
        after = page.next_after


def _named(reads: Reads, scope: Scope) -> Sequence[DecisionRow]:
    rows = reads.decisions(scope.organisation, scope.record_ids)
    missing = sorted(set(scope.record_ids) - {row.id for row in rows})
    if missing:
        raise not_found("record", missing[0])
    return rows


def _collect_stretch(reads: Reads, scope: Scope, limit: int) -> Collected:
    """Every entry of the organisation's decisions stream within the period, none left out."""
    collected = Collected({}, {})
    stream = decisions_stream(scope.organisation)
    sequence = _first_sequence(reads, scope.since_ms, stream)
    while rows := reads.stream_entries(stream, sequence, _STEP):
        parts = reads.parts(rows[0][0], rows[-1][0] - rows[0][0] + 1) if scope.include_payloads else {}
        for index, raw in rows:
            if scope.until_ms is not None and _time_ms(raw) >= scope.until_ms:
                return collected
            collected.add(raw, parts.get(index, {}))
        _refuse_beyond(len(collected.entries), limit)
        sequence += len(rows)
    return collected


def _first_sequence(reads: Reads, since_ms: int | None, stream: Stream) -> int:
    """Where the period begins in the stream, by doubling and bisection: time never runs backwards along it."""
    if since_ms is None:
        return 0

    def is_before(sequence: int) -> bool:
        rows = reads.stream_entries(stream, sequence, 1)
        return bool(rows) and _time_ms(rows[0][1]) < since_ms

    low, high = 0, 1
    while is_before(high - 1):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if is_before(middle) else (low, middle)
    return low


def _time_ms(raw: bytes) -> int:
    return parse_time(decode(raw)["time"])


def _refuse_beyond(count: int, limit: int) -> None:
    if count > limit:
        raise Refused(
            "validation_error",
            "The bundle would be too large",
            [{"field": "start_date", "message": f"The scope holds more than {limit} entries; choose a shorter period"}],
        )


def _disclosures(collected: Collected) -> Iterator[Disclosure]:
    for index, parts in collected.parts.items():
        identifier: Any = decode(collected.entries[index])["id"]
        for name, part in parts.items():
            yield Disclosure(identifier, name, part.salt, part.canonical)
