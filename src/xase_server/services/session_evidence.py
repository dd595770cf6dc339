"""Collecting the evidence of sessions: their streams whole, and what permitted them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.json import decode

from xase_server.domain.datasets import version_ref
from xase_server.domain.entries import Part, admin_stream, session_stream
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.policies import policy_version_ref
from xase_server.domain.sessions import SESSION, Session, session_ref
from xase_server.ports import Reads
from xase_server.services.collected import PAGE, Collected, Entry, entries_from, is_of_type, time_of
from xase_server.services.documents import session_of
from xase_server.services.scopes import Scope
from xase_server.services.visibility import every_object

_LABS: Final = frozenset({"metadata", "principal"})
_FAR: Final = 4
_NO_PARTS: Final[Mapping[str, Part]] = {}


@dataclass(frozen=True, slots=True)
class Sessions:
    """Adds sessions to what has been collected for a scope, each with all that explains it."""

    reads: Reads
    scope: Scope
    collected: Collected

    def add(self, rows: Sequence[ObjectRow]) -> None:
        """These sessions, and what their datasets' holders wrote that bears on them."""
        sessions = [session_of(row) for row in rows]
        policies = {(each.holder, each.policy_id, each.policy_version or 0) for each in sessions if each.policy_id}
        for row, session in zip(rows, sessions, strict=True):
            self._stream(row.id)
            self._verdict(session)
            policies |= {(session.holder, *each) for each in session.guardrails}
        for version in sorted({(each.holder, each.dataset_id, each.version) for each in sessions}):
            self._dataset_version(*version)
        for policy in sorted(policies):
            self._policy_version(*policy)
        for holder, dataset_id in sorted({(each.holder, each.dataset_id) for each in sessions}):
            opened = min(row.created_ms for row in rows if row.parent == dataset_id)
            self._withdrawals(holder, dataset_id, opened)

    def add_requests(self, holder: str, dataset_id: str) -> None:
        """Every verdict on the dataset in the scope's period, denials too."""
        for index, raw in entries_from(self.reads, admin_stream(holder), self.scope.since_ms):
            if self.scope.until_ms is not None and time_of(raw) >= self.scope.until_ms:
                return
            if is_of_type(raw, "verdict") and decode(raw)["body"].get("dataset_id") == dataset_id:
                self._guardrails(self._take(raw, self._all_parts(index), holder), holder)

    def _stream(self, session_id: str) -> None:
        stream, sequence = session_stream(session_id), 0
        while rows := self.reads.stream_entries(stream, sequence, PAGE):
            parts = self._parts(rows)
            for index, raw in rows:
                is_claim = is_of_type(raw, "operation")
                shown = parts.get(index, _NO_PARTS) if self.scope.include_operations or not is_claim else _NO_PARTS
                self.collected.add(raw, shown)
            sequence += len(rows)

    def _parts(self, rows: Sequence[Entry]) -> Mapping[int, Mapping[str, Part]]:
        """The parts of these entries, read at once where they lie close together."""
        if not self.scope.include_payloads:
            return {}
        first, last = rows[0][0], rows[-1][0]
        if last - first < _FAR * len(rows):
            return self.reads.parts(first, last - first + 1)
        return {index: self.reads.parts(index, 1).get(index, _NO_PARTS) for index, _ in rows}

    def _verdict(self, session: Session) -> None:
        ruled = self._cited(session.verdict, session.holder, _LABS)
        assert ruled is not None, "a session is opened together with its verdict"
        for approval in ruled["body"].get("approvals", []):
            self._cited(approval, session.holder)
        self._guardrails(ruled, session.holder)

    def _guardrails(self, verdict: Mapping[str, Any], holder: str) -> None:
        """The entry that named the guardrails which a verdict heeded."""
        if (guardrails := verdict["body"].get("guardrails")) is not None:
            self._cited(guardrails["entry"], holder)

    def _cited(self, identifier: str, holder: str, others: Collection[str] = ()) -> dict[str, Any] | None:
        found = self.reads.any_entry(identifier)
        return None if found is None else self._take(found[1], found[2], holder, others)

    def _take(self, raw: bytes, parts: Mapping[str, Part], holder: str, others: Collection[str] = ()) -> dict[str, Any]:
        """An entry of the holder's: others than the holder see of its parts only those named."""
        own = self.scope.organisation == holder
        shown = {name: part for name, part in parts.items() if own or name in others}
        return self.collected.add(raw, shown if self.scope.include_payloads else _NO_PARTS)

    def _all_parts(self, index: int) -> Mapping[str, Part]:
        return self.reads.parts(index, 1).get(index, _NO_PARTS)

    def _dataset_version(self, holder: str, dataset_id: str, number: int) -> None:
        row = self.reads.object(version_ref(dataset_id, number))
        wanted = {"dataset_id": dataset_id, "version": number}
        self._first(holder, row, "dataset_version", wanted)

    def _policy_version(self, holder: str, policy_id: str, number: int) -> None:
        row = self.reads.object(policy_version_ref(holder, policy_id, number))
        wanted = {"policy_id": policy_id, "version": number}
        self._first(holder, row, "policy_version", wanted)

    def _first(self, holder: str, row: ObjectRow | None, type: str, wanted: Mapping[str, Any]) -> None:
        """The entry that brought an object into being: the first of its kind after it was made ready."""
        assert row is not None, "versions stay for ever"
        for index, raw in entries_from(self.reads, admin_stream(holder), row.created_ms):
            if is_of_type(raw, type) and wanted.items() <= decode(raw)["body"].items():
                self._take(raw, self._all_parts(index), holder)
                return

    def _withdrawals(self, holder: str, dataset_id: str, since_ms: int) -> None:
        for index, raw in entries_from(self.reads, admin_stream(holder), since_ms):
            if is_of_type(raw, "consent_withdrawn") and decode(raw)["body"].get("dataset_id") == dataset_id:
                self._take(raw, self._all_parts(index), holder)


def rows_of(reads: Reads, scope: Scope) -> list[ObjectRow]:
    """The sessions of a scope that the caller was found to be permitted to show."""
    if scope.session_id is not None:
        return list(_named(reads, [scope.session_id]))
    if scope.dataset_id is not None:
        query = ObjectQuery(kind=SESSION, parent=scope.dataset_id, until_ms=scope.until_ms)
        return [row for row in every_object(reads, query) if _is_open_after(row, scope.since_ms)]
    uses = reads.model_uses(organisation=scope.organisation, model_id=scope.model_id)
    return list(_named(reads, dict.fromkeys(use.session for use in uses)))


def _named(reads: Reads, names: Collection[str]) -> Iterator[ObjectRow]:
    for name in names:
        row = reads.object(session_ref(name))
        assert row is not None, "sessions end, they are never removed"
        yield row


def _is_open_after(row: ObjectRow, since_ms: int | None) -> bool:
    return since_ms is None or row.ends_ms is None or row.ends_ms > since_ms


def collect_sessions(reads: Reads, scope: Scope, collected: Collected) -> None:
    """Add the sessions of the scope to what has been collected."""
    sessions = Sessions(reads, scope, collected)
    sessions.add(rows_of(reads, scope))
    if scope.dataset_id is not None:
        sessions.add_requests(scope.organisation, scope.dataset_id)
