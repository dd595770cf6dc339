"""What the API shows of access sessions (docs/spec/api.md, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xase.proof.entry import format_time
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.errors import not_found
from xase_server.domain.objects import ObjectQuery, ObjectRow, Usage
from xase_server.domain.principals import Principal
from xase_server.domain.quotas import DATASET, HOLDER
from xase_server.domain.sessions import EXPIRED, REVOKED, SESSION, Session, session_ref
from xase_server.domain.times import format_duration
from xase_server.policy.contract import Contract, read_contract
from xase_server.policy.limits import PerOrganisation
from xase_server.policy.privacy import Privacy
from xase_server.ports import Reads
from xase_server.services.documents import session_of
from xase_server.services.endings import Ended, read_ending, status_of
from xase_server.services.reading import Reader
from xase_server.services.views import View

_NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions a list holds; None leaves a criterion open. `until_ms` is exclusive."""

    dataset_id: str | None = None
    status: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Sessions:
    """Shows sessions to the lab that uses them and to the holder of their dataset."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def get(self, who: Principal, session_id: str) -> View:
        """One session with what it has used so far; raises `not_found`."""

        def work(reads: Reads) -> View:
            row = find_session(reads, who, session_id)
            used = reads.usage([session_id]).get(session_id, _NOTHING_USED)
            return read_session(reads, row, self._clock.now_ms()) | {"usage_stats": usage_view(used)}

        return await self._reader.point(work)

    async def list(self, who: Principal, wanted: SessionFilter, page: Page) -> tuple[Sequence[View], int, int | None]:
        """A page of sessions, the exact total, and where the next page begins (None at the end)."""
        now_ms = self._clock.now_ms()
        query = ObjectQuery(
            kind=SESSION,
            visible_to=who.organisation,
            parent=wanted.dataset_id,
            status=wanted.status,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            now_ms=now_ms,
            ended=EXPIRED,
        )

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            found = reads.objects(query, page)
            return [read_session(reads, row, now_ms) for row in found.rows], found.total, found.next_after

        return await self._reader.scan(work)


def find_session(reads: Reads, who: Principal, session_id: str) -> ObjectRow:
    """The session, of the caller's organisation or on its data; raises `not_found`."""
    row = reads.object(session_ref(session_id))
    if row is None or not row.concerns(who.organisation):
        raise not_found("session", session_id)
    return row


def read_session(reads: Reads, row: ObjectRow, now_ms: int) -> View:
    """A stored session as lists show it."""
    session = session_of(row)
    return session_view(row, session, now_ms, read_ending(reads, session))


def session_view(row: ObjectRow, session: Session, now_ms: int, ended: Ended | None = None) -> View:
    """A session: its terms, and how it ended where somebody ended it."""
    status = status_of(row, now_ms)
    view: View = {
        "session_id": row.id,
        "dataset_id": session.dataset_id,
        "dataset": session.dataset,
        "dataset_version": session.version,
        "organisation": row.organisation,
        "status": status,
        "purpose": session.asked.purpose,
        "model_id": session.asked.model_id,
        "created_at": format_time(row.created_ms),
        "expires_at": format_time(session.expires_ms),
        "policy_id": session.policy_id,
        "policy_version": session.policy_version,
        "contract_hash": session.contract_hash,
        "obligations": obligations_view(read_contract(session.contract)),
    }
    if ended is not None and status != EXPIRED:
        view |= {"ended_at": ended.at, "reason": ended.reason}
        view |= {"revoked_by": ended.by} if status == REVOKED else {}
    return view


def obligations_view(contract: Contract) -> View:
    """What a session may do; null restricts nothing.

    Neither row filters nor anything that tells whether a hidden field exists.
    """
    return {
        "fields": _visible(contract, contract.fields),
        "filterable_fields": _visible(contract, contract.filterable_fields),
        "transforms": {name: each["op"] for name, each in contract.transforms.items() if contract.allows_field(name)},
        "actions": _sorted(contract.actions),
        "aggregations": _sorted(contract.aggregations),
        "min_group_size": contract.min_group_size,
        "round_to": contract.round_to,
        "min_set_difference": contract.min_set_difference,
        "rate_limits": _rates_view(contract.rate_limits),
        "max_records": contract.max_records,
        "max_queries": contract.max_queries,
        "max_bytes": contract.max_bytes,
        "max_concurrent": contract.max_concurrent,
        "per_organisation": None if contract.per_organisation is None else _shared_view(contract.per_organisation),
        "privacy": None if contract.privacy is None else _privacy_view(contract, contract.privacy),
    }


def _shared_view(shared: PerOrganisation) -> View:
    return {
        scope: limits.to_dict() | {"rate_limits": _rates_view(limits.rate_limits)}
        for scope, limits in ((DATASET, shared.dataset), (HOLDER, shared.holder))
    }


def _rates_view(rates: tuple[tuple[int, int], ...]) -> list[View]:
    return [{"limit": limit, "period": format_duration(ms)} for limit, ms in rates]


def _privacy_view(contract: Contract, privacy: Privacy) -> View:
    return {
        "epsilon_total": float(privacy.epsilon_total),
        "epsilon_per_query": float(privacy.epsilon_per_query),
        "max_contributions": privacy.max_contributions,
        "bounds": {name: list(each) for name, each in sorted(privacy.bounds.items()) if contract.allows_field(name)},
    }


def usage_view(used: Usage) -> View:
    """What a session has used."""
    return {
        "records_accessed": used.records,
        "operations_performed": used.operations,
        "last_access": None if used.last_ms is None else format_time(used.last_ms),
        "queries": used.queries,
        "bytes": used.bytes,
    }


def _visible(contract: Contract, fields: frozenset[str] | None) -> list[str] | None:
    return None if fields is None else sorted(name for name in fields if contract.allows_field(name))


def _sorted(words: frozenset[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)
