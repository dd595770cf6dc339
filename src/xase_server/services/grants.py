"""Whether a request may go ahead in a session, looked at anew for each (docs/spec/api.md, section 5).

What is admitted here may still be overtaken by a revocation. `Grant.expects` is how the ledger
finds out: an append that carries it is refused as Stale once anything it rests on has moved.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from xase_server.domain.approvals import approval_ref
from xase_server.domain.clock import Clock
from xase_server.domain.errors import not_found
from xase_server.domain.objects import Allowance, Expectation, ObjectRow, Usage
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import ACTIVE, EXPIRED, Asked, Session, session_ref
from xase_server.policy.contract import Conflict, Contract, meet, read_contract
from xase_server.policy.decide import AMBIGUOUS, AccessRequest, Approval, Outcome, Violation
from xase_server.ports import Reads
from xase_server.services.approving import approvals_now
from xase_server.services.documents import session_of
from xase_server.services.endings import Ended, expired, read_ending, refusal, status_of
from xase_server.services.governance import APPROVAL_NEEDED, Governance, Governed, policy_violation
from xase_server.services.pace import Pace, used_up
from xase_server.services.parsed import Parsed
from xase_server.services.reading import Reader

_MOST_TERMS: Final = 10_000
_MOST_KNOWN: Final = 10_000
_CLAIM: Final = "operations"  # says what was done with data; what has used up its data must still be able to say so
_ACTION: Final = Violation("action_not_allowed", "This session does not allow this kind of request")
_NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class Grant:
    """What one request may do in a session, as it stood when it was admitted.

    `expects` and `until_ms` go into the unit of every release: the session, its dataset (which
    moves on when it is archived, or a consent is withdrawn), the policy in force, and the session's
    end. `used` is what the session had used by then, `withdrawn` how many consents had been withdrawn
    from the dataset.
    """

    who: Principal
    session_id: str
    session: Session
    contract: Contract
    contract_hash: str
    dataset_id: str
    version: int
    holder: str
    expects: tuple[Expectation, ...]
    until_ms: int
    used: Usage = _NOTHING_USED
    withdrawn: int = 0

    def refuse_beyond(self, *, records: int, bytes: int) -> None:
        """Raise `quota_exceeded` when handing out this much more would go beyond the contract."""
        for quota, limit, used, more in (
            ("max_records", self.contract.max_records, self.used.records, records),
            ("max_bytes", self.contract.max_bytes, self.used.bytes, bytes),
        ):
            if limit is not None and used + more > limit:
                raise used_up(quota, limit, used)

    @property
    def allowance(self) -> Allowance | None:
        """What the session may have used once a release has been appended; None when nothing is set."""
        terms = self.contract
        if not terms.has_quota:
            return None
        return Allowance(self.session_id, terms.max_records, terms.max_bytes, terms.max_queries)


@dataclass(frozen=True, slots=True)
class _Terms:
    """A contract with its hash, which takes long to make."""

    contract: Contract
    hash: str


@dataclass(frozen=True, slots=True)
class _Denial:
    """Why a later policy ends what an earlier one permitted."""

    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A session, what governs its dataset now, and what it has used, in one view of the store."""

    row: ObjectRow
    session: Session
    terms: _Terms
    governed: Governed
    used: Usage
    ended: Ended | None
    approvals: tuple[Approval, ...]

    @property
    def expects(self) -> tuple[Expectation, ...]:
        return (Expectation(self.row.ref, self.row.revision), *self.governed.expects)

    @property
    def lasts(self) -> bool:
        """Whether all of it but `used` holds for as long as `expects` does; approvals may end by the clock."""
        return self.governed.granted(self.session)


class Gate:
    """Admits requests to sessions. One look at session, dataset, policy and usage each.

    What was found before is taken again where a look at the revisions says that nothing has moved since.
    """

    def __init__(self, reader: Reader, clock: Clock, governance: Governance) -> None:
        self._reader = reader
        self._clock = clock
        self._governance = governance
        self._sessions = Parsed()
        self._pace = Pace()
        self._known: dict[str, _Found] = {}
        self._terms: dict[tuple[object, ...], _Terms | _Denial] = {}

    async def admit(self, who: Principal, session_id: str, action: str, *, counted: bool = True) -> Grant:
        """What the request may do. Stores nothing. Only what is `counted` uses up the session's rate.

        Raises Refused: `not_found` for a session that is not of the caller's organisation,
        `session_closed`, `access_revoked` or `session_expired` for one that has ended,
        `policy_violation` when the terms leave out the action or a later policy the session,
        `rate_limit_exceeded` and `quota_exceeded`.
        """
        now_ms = self._clock.now_ms()
        found = await self._reader.point(lambda reads: self._find(reads, who, session_id, now_ms))
        _refuse_ended(found, now_ms)
        terms = self._terms_now(found, now_ms)
        until_ms = _end_of(found, terms.contract)
        if now_ms >= until_ms:
            raise expired(session_id, until_ms, now_ms)
        if terms.contract.actions is not None and action not in terms.contract.actions:
            raise policy_violation(found.session.policy_id, found.session.policy_version, (_ACTION,))
        if counted:
            self._pace.take(session_id, terms.contract.rate_limits, now_ms)
        if action != _CLAIM:
            _refuse_used_up(terms.contract, found.used)
        session = found.session
        return Grant(
            who,
            session_id,
            session,
            terms.contract,
            terms.hash,
            session.dataset_id,
            session.version,
            session.holder,
            found.expects,
            until_ms,
            found.used,
            found.governed.dataset.withdrawn,
        )

    @asynccontextmanager
    async def entered(self, who: Principal, session_id: str, action: str) -> AsyncIterator["Visit"]:
        """One request for data, counted once, in one of the places that the contract's `max_concurrent` gives.

        The place is held while the block runs. Entering raises what `admit` raises.
        """
        grant = await self.admit(who, session_id, action)
        with self._pace.running(session_id, grant.contract.max_concurrent):
            yield Visit(self, grant, action)

    def _find(self, reads: Reads, who: Principal, session_id: str, now_ms: int) -> _Found:
        found = self._again(reads, session_id) or self._anew(reads, session_id, now_ms)
        if found.row.organisation != who.organisation:
            raise not_found("session", session_id)
        return found

    def _again(self, reads: Reads, session_id: str) -> _Found | None:
        """What is known of the session, if that still stands."""
        found = self._known.get(session_id)
        if found is None:
            return None
        now = reads.revisions([each.ref for each in found.expects])
        if any(now.get(each.ref, 0) != each.revision for each in found.expects):
            return None
        return replace(found, used=_used(reads, session_id)) if found.terms.contract.has_quota else found

    def _anew(self, reads: Reads, session_id: str, now_ms: int) -> _Found:
        row = reads.object(session_ref(session_id))
        if row is None:
            raise not_found("session", session_id)
        session, terms = self._sessions.of(row, _parse)
        governed = self._governance.of(reads, session.dataset_id)
        assert governed is not None, "datasets are archived, never removed"
        approvals = () if governed.granted(session) else standing_approvals(reads, session, now_ms)
        used, ending = _used(reads, session_id), read_ending(reads, session)
        found = _Found(row, session, terms, governed, used, ending, approvals)
        if found.lasts:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[session_id] = found
        return found

    def _terms_now(self, found: _Found, now_ms: int) -> _Terms:
        """The session's terms, or those of a later policy where they are stricter."""
        now = found.governed
        if now.granted(found.session):
            return found.terms
        place = (found.expects, found.approvals)
        known = self._terms.get(place)
        if known is None:
            if len(self._terms) >= _MOST_TERMS:
                self._terms.clear()
            known = self._terms[place] = self._narrowed(found, now_ms)
        if isinstance(known, _Denial):
            raise policy_violation(now.policy_id, now.policy_version, known.violations)
        return known

    def _narrowed(self, found: _Found, now_ms: int) -> _Terms | _Denial:
        """The session's terms met with those of the policy in force: a looser one changes nothing."""
        own = found.row.organisation == found.governed.row.organisation
        request = asked_again(found.session.asked, now_ms, found.approvals)
        verdict = self._governance.judge(found.governed, request, own=own)
        if verdict.outcome is Outcome.APPROVAL_REQUIRED:
            return _Denial((APPROVAL_NEEDED,))
        if verdict.contract is None:
            return _Denial(verdict.violations)
        try:
            contract = meet(found.terms.contract, verdict.contract)
        except Conflict:
            return _Denial((AMBIGUOUS,))
        return _Terms(contract, contract.hash)


class Visit:
    """A request under way: each of its attempts and batches is granted anew, and none is counted again."""

    def __init__(self, gate: Gate, grant: Grant, action: str) -> None:
        self._gate = gate
        self._who = grant.who
        self._session_id = grant.session_id
        self._action = action
        self._fresh: Grant | None = grant

    async def grant(self) -> Grant:
        """What the request may do now; raises what `Gate.admit` raises but for the session's rate."""
        fresh, self._fresh = self._fresh, None
        return fresh or await self._gate.admit(self._who, self._session_id, self._action, counted=False)


def asked_again(asked: Asked, now_ms: int, approvals: tuple[Approval, ...] = ()) -> AccessRequest:
    """A request as it was made, to be put to a later policy."""
    return AccessRequest(
        organisation=asked.organisation,
        principal="",
        role=asked.role,
        purpose=asked.purpose,
        now_ms=now_ms,
        duration_ms=asked.duration_ms,
        model_id=asked.model_id,
        jurisdiction=asked.jurisdiction,
        approvals=approvals,
    )


def standing_approvals(reads: Reads, session: Session, now_ms: int) -> tuple[Approval, ...]:
    """What people agreed to before the session began holds for as long as the session does."""
    row = None if session.approval is None else reads.object(approval_ref(session.approval))
    return () if row is None else approvals_now(reads, row, now_ms, session.expires_ms)


def _parse(row: ObjectRow) -> tuple[Session, _Terms]:
    session = session_of(row)
    return session, _Terms(read_contract(session.contract), session.contract_hash)


def _refuse_ended(found: _Found, now_ms: int) -> None:
    status = status_of(found.row, now_ms)
    if status == EXPIRED:
        raise expired(found.row.id, found.session.expires_ms, now_ms)
    if status != ACTIVE:
        assert found.ended is not None, "an ended session names its entry"
        raise refusal(found.row.id, status, found.ended)


def _end_of(found: _Found, contract: Contract) -> int:
    """When the session ends by the clock; a later policy may have made it shorter."""
    if contract.duration_ms is None:
        return found.session.expires_ms
    return min(found.session.expires_ms, found.row.created_ms + contract.duration_ms)


def _used(reads: Reads, session_id: str) -> Usage:
    return reads.usage([session_id]).get(session_id, _NOTHING_USED)


def _refuse_used_up(contract: Contract, used: Usage) -> None:
    for quota, limit, so_far in (
        ("max_records", contract.max_records, used.records),
        ("max_queries", contract.max_queries, used.queries),
        ("max_bytes", contract.max_bytes, used.bytes),
    ):
        if limit is not None and so_far >= limit:
            raise used_up(quota, limit, so_far)
