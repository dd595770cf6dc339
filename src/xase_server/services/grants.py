"""Whether a request may go ahead in a session, looked at anew for each (docs/spec/api.md, section 5).

What is admitted here may still be overtaken by a revocation. `Grant.expects` is how the ledger
finds out: an append that carries it is refused as Stale once anything it rests on has moved.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from xase_server.domain.api_keys import revoked_ref
from xase_server.domain.approvals import approval_ref
from xase_server.domain.clock import Clock
from xase_server.domain.errors import not_found
from xase_server.domain.objects import Expectation, ObjectRef, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.quotas import Allowance, Rate
from xase_server.domain.sessions import ACTIVE, EXPIRED, Asked, Session, session_ref
from xase_server.policy.contract import Conflict, Contract, meet, read_contract
from xase_server.policy.decide import AMBIGUOUS, AccessRequest, Approval, Outcome, Violation
from xase_server.ports import Reads
from xase_server.services.approving import approvals_now
from xase_server.services.authentication import not_valid
from xase_server.services.documents import session_of
from xase_server.services.endings import Ended, expired, read_ending, refusal, status_of
from xase_server.services.governance import APPROVAL_NEEDED, Governance, Governed, policy_violation
from xase_server.services.pace import Pace
from xase_server.services.parsed import Parsed
from xase_server.services.quotas import Accounts, Bounds, Quotas, accounts_of, bounds_of
from xase_server.services.reading import Reader

_MOST_TERMS: Final = 10_000
_MOST_KNOWN: Final = 10_000
_CLAIM: Final = "operations"  # says what was done with data; what has used up its data must still be able to say so
_ACTION: Final = Violation("action_not_allowed", "This session does not allow this kind of request")


@dataclass(frozen=True, slots=True)
class Grant:
    """What one request may do in a session, as it stood when it was admitted.

    `expects` and `until_ms` go into the unit of every release: the session, its dataset (which
    moves on when it is archived, or a consent is withdrawn), the policy in force, and the session's
    end. Its key is expected not to have been revoked. `quotas` are what the session and its organisation had used
    by then, `rates` what the request is still to be counted towards, `withdrawn` how many consents had been
    withdrawn from the dataset.
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
    accounts: Accounts
    quotas: Quotas
    rates: tuple[Rate, ...] = ()
    withdrawn: int = 0

    @property
    def within(self) -> tuple[Allowance, ...]:
        """What may have been used once a release has been appended."""
        return self.quotas.bounds.allowances


@dataclass(frozen=True, slots=True)
class _Terms:
    """A contract with its hash, which takes long to make, and what it bounds."""

    contract: Contract
    hash: str
    accounts: Accounts
    bounds: Bounds

    def narrowed(self, contract: Contract) -> "_Terms":
        """The terms of the same session under another contract."""
        return _Terms(contract, contract.hash, self.accounts, bounds_of(contract, self.accounts))


@dataclass(frozen=True, slots=True)
class _Denial:
    """Why a later policy ends what an earlier one permitted."""

    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A session and what governs its dataset now, in one view of the store."""

    row: ObjectRow
    session: Session
    terms: _Terms
    governed: Governed
    ended: Ended | None
    approvals: tuple[Approval, ...]

    @property
    def expects(self) -> tuple[Expectation, ...]:
        return (Expectation(self.row.ref, self.row.revision), *self.governed.expects)

    @property
    def lasts(self) -> bool:
        """Whether all of it holds for as long as `expects` does; approvals may end by the clock."""
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
        `rate_limit_exceeded` and `quota_exceeded`, and `authentication_error` for a key that was revoked meanwhile.
        """
        now_ms = self._clock.now_ms()
        found, terms, quotas = await self._reader.point(lambda reads: self._look(reads, who, session_id, now_ms))
        until_ms = _end_of(found, terms.contract)
        if now_ms >= until_ms:
            raise expired(session_id, until_ms, now_ms)
        if terms.contract.actions is not None and action not in terms.contract.actions:
            raise policy_violation(found.session.policy_id, found.session.policy_version, (_ACTION,))
        if counted:
            quotas.refuse_too_fast(now_ms)
            self._pace.take(terms.bounds.rates, now_ms)
        if action != _CLAIM:
            quotas.refuse_used_up()
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
            (*found.expects, Expectation(revoked_ref(who.key_id), 0)),
            until_ms,
            terms.accounts,
            quotas,
            terms.bounds.rates,
            found.governed.dataset.withdrawn,
        )

    def refuse_too_fast(self, grant: Grant) -> None:
        """Raise `rate_limit_exceeded` when others have meanwhile been given what this request was to have."""
        grant.quotas.refuse_too_fast(self._clock.now_ms())

    @asynccontextmanager
    async def entered(self, who: Principal, session_id: str, action: str) -> AsyncIterator["Visit"]:
        """One request for data, counted once, in one of the places that the contract's `max_concurrent` gives.

        The place is held while the block runs. Entering raises what `admit` raises.
        """
        grant = await self.admit(who, session_id, action)
        with self._pace.running(grant.quotas.bounds.rooms):
            yield Visit(self, grant, action)

    def _look(self, reads: Reads, who: Principal, session_id: str, now_ms: int) -> tuple["_Found", "_Terms", Quotas]:
        """The session, its terms now, and what has been used of what they bound."""
        found = self._find(reads, who, session_id, now_ms)
        _refuse_ended(found, now_ms)
        terms = self._terms_now(found, now_ms)
        return found, terms, terms.bounds.used(reads)

    def _find(self, reads: Reads, who: Principal, session_id: str, now_ms: int) -> _Found:
        found = self._again(reads, session_id, who) or self._anew(reads, session_id, who, now_ms)
        if found.row.organisation != who.organisation:
            raise not_found("session", session_id)
        return found

    def _again(self, reads: Reads, session_id: str, who: Principal) -> _Found | None:
        """What is known of the session, if that still stands."""
        found, key = self._known.get(session_id), revoked_ref(who.key_id)
        if found is None:
            return None
        now = reads.revisions([*(each.ref for each in found.expects), key])
        _refuse_revoked(now, key)
        return None if any(now.get(each.ref, 0) != each.revision for each in found.expects) else found

    def _anew(self, reads: Reads, session_id: str, who: Principal, now_ms: int) -> _Found:
        key = revoked_ref(who.key_id)
        _refuse_revoked(reads.revisions([key]), key)
        row = reads.object(session_ref(session_id))
        if row is None:
            raise not_found("session", session_id)
        session, terms = self._sessions.of(row, _parse)
        governed = self._governance.of(reads, session.dataset_id)
        assert governed is not None, "datasets are archived, never removed"
        approvals = () if governed.granted(session) else standing_approvals(reads, session, now_ms)
        found = _Found(row, session, terms, governed, read_ending(reads, session), approvals)
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
        return found.terms.narrowed(contract)


class Visit:
    """A request under way: each of its attempts and batches is granted anew, and none is counted again.

    Its first release is counted beside the ledger; who makes several says so (`released`).
    """

    def __init__(self, gate: Gate, grant: Grant, action: str) -> None:
        self._gate = gate
        self._who = grant.who
        self._session_id = grant.session_id
        self._action = action
        self._fresh: Grant | None = grant
        self._is_counted = False

    async def grant(self) -> Grant:
        """What the request may do now; raises what `Gate.admit` raises."""
        fresh, self._fresh = self._fresh, None
        grant = fresh or await self._gate.admit(self._who, self._session_id, self._action, counted=False)
        if self._is_counted:
            return replace(grant, rates=())
        if fresh is None:
            self._gate.refuse_too_fast(grant)
        return grant

    def released(self) -> None:
        """The request has released something: what follows is the same request."""
        self._is_counted = True


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
    contract = read_contract(session.contract)
    accounts = accounts_of(row.id, row.organisation, session.dataset_id, session.holder)
    return session, _Terms(contract, session.contract_hash, accounts, bounds_of(contract, accounts))


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


def _refuse_revoked(revisions: Mapping[ObjectRef, int], key: ObjectRef) -> None:
    """Raise `authentication_error` for a key that was revoked since its caller was let in."""
    if revisions.get(key):
        raise not_valid()
