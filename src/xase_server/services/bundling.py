"""Making a bundle's bytes from what was collected for it (docs/spec/evidence.md, section 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xase.proof.bundle import BundleContents, build_bundle, proof_nodes
from xase.proof.keys import DocumentSigner
from xase.proof.line import Line
from xase.proof.merkle import read_subtrees
from xase.proof.statements import OPERATIONS, make_lists, make_statements
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import decisions_stream
from xase_server.domain.errors import not_found
from xase_server.ledger.read import Tree
from xase_server.ports import DecisionRow, Head, Reads
from xase_server.services.collected import PAGE, Collected, first_sequence, time_of
from xase_server.services.report.blocks import Account
from xase_server.services.report.page import as_page
from xase_server.services.report.telling import tell
from xase_server.services.scopes import Scope
from xase_server.services.session_evidence import collect_sessions


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's bytes and what they hold: `record_count` decisions or, of sessions, data records released."""

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
    paper: bool = False,
) -> Bundle:
    """The bundle over one consistent view of the store; with `paper` the report is in it as a PDF, too.

    Raises `not_found` for a record that does not exist, `validation_error` when the scope holds
    more than `limit` entries.
    """
    collected = _collect(reads, scope, limit)
    indices = sorted(collected.entries)
    head = reads.head()
    tree = Tree(reads)
    start = reads.checkpoint_before(indices[0]) if indices and indices[0] else None
    facts = {"bundle_id": bundle_id, "created_at": created_at, "purpose": purpose, "title": scope.title}
    contents = BundleContents(
        bundle_id=bundle_id,
        created_at=created_at,
        scope=scope.view() | ({"purpose": purpose} if purpose else {}),
        completeness="range" if scope.is_complete else "selection",
        entries=[collected.entries[index] for index in indices],
        nodes=read_subtrees(proof_nodes(indices, head.size), tree.node),
        checkpoint=head.checkpoint,
        checkpoint_start=start,
        consistency=tree.consistency(_size_of(start), head.size) if start else (),
        disclosures=list(collected.disclosures()) if scope.include_payloads else (),
        **_told(scope, collected, facts, head, paper=paper),
    )
    records = collected.decisions if scope.holds_decisions else collected.released
    return Bundle(build_bundle(contents, signer), records, len(indices), head.size)


def _told(
    scope: Scope, collected: Collected, facts: Mapping[str, Any], head: Head, *, paper: bool
) -> Mapping[str, Any]:
    """What people read: the report and, of sessions, what repeats their entries."""
    known = {**facts, "tree_size": head.size, "log": head.log}
    entries = (collected.entries[index] for index in sorted(collected.entries))
    if not scope.holds_sessions:
        return _reports(tell(known, entries), paper=paper)
    lines = list(collected.lines())
    statements = make_statements(lines)
    verdicts = {line.id: line.shown for line in lines if line.type == "verdict"}
    return {
        "statements": statements,
        "lists": _lists(lines, with_operations=scope.include_operations),
        **_reports(tell(known, entries, statements, verdicts), paper=paper),
    }


def _reports(account: Account, *, paper: bool) -> dict[str, bytes]:
    if not paper:
        return {"report_html": as_page(account)}
    from xase_server.services.report.paper import as_paper

    return {"report_html": as_page(account), "report_pdf": as_paper(account)}


def _lists(lines: Sequence[Line], *, with_operations: bool) -> dict[str, bytes]:
    lists = make_lists(lines)
    return {name: data for name, data in lists.items() if with_operations or name != OPERATIONS}


def _size_of(note: str) -> int:
    return int(note.split("\n", 2)[1])


def _collect(reads: Reads, scope: Scope, limit: int) -> Collected:
    collected = Collected(limit)
    if scope.is_complete:
        _collect_stretch(reads, scope, collected)
    elif scope.holds_decisions:
        _collect_records(reads, scope, collected)
    if scope.holds_sessions:
        collect_sessions(reads, scope, collected)
    return collected


def _collect_records(reads: Reads, scope: Scope, collected: Collected) -> None:
    """Decision records with everything that happened to them since."""
    for rows in _decision_rows(reads, scope):
        for row in rows:
            collected.add(row.raw, row.parts)
            if row.erasure is not None:
                collected.add(row.erasure.raw, row.erasure.parts)
        touched = [row.id for row in rows if row.intervened]
        for intervention in reads.interventions(scope.organisation, touched) if touched else ():
            collected.add(intervention.raw, intervention.parts)


def _decision_rows(reads: Reads, scope: Scope) -> Iterator[Sequence[DecisionRow]]:
    if scope.record_ids:
        yield _named(reads, scope)
        return
    criteria = DecisionFilter(model_id=scope.model_id, since_ms=scope.since_ms, until_ms=scope.until_ms)
    after: int | None = None
    while True:
        page = reads.list_decisions(scope.organisation, criteria, Page(limit=PAGE, after=after, descending=False))
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


def _collect_stretch(reads: Reads, scope: Scope, collected: Collected) -> None:
    """Every entry of the organisation's decisions stream within the period, none left out."""
    stream = decisions_stream(scope.organisation)
    sequence = first_sequence(reads, scope.since_ms, stream)
    while rows := reads.stream_entries(stream, sequence, PAGE):
        parts = reads.parts(rows[0][0], rows[-1][0] - rows[0][0] + 1) if scope.include_payloads else {}
        for index, raw in rows:
            if scope.until_ms is not None and time_of(raw) >= scope.until_ms:
                return
            collected.add(raw, parts.get(index, {}))
        sequence += len(rows)
