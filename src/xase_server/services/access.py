"""How a session begins: a request, a verdict, and the entries of both (docs/spec/api.md, section 5).

Every verdict is an entry, a denial too, before it is answered. A permit and the opening of its
session are appended together, and only while the dataset and the policy stand as they were when
they were looked at.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from msgspec import UNSET

from xase.proof.entry import format_time
from xase_server.domain.approvals import PENDING, Waiting
from xase_server.domain.clock import Clock
from xase_server.domain.datasets import ARCHIVED, Version, version_ref
from xase_server.domain.entries import Append, ObjectsChanged, Replayed, Unit, admin_stream, session_stream
from xase_server.domain.errors import FieldProblem, Refused, invalid
from xase_server.domain.ids import new_id
from xase_server.domain.objects import Expectation, ObjectRow, Stale
from xase_server.domain.principals import DATASETS_WRITE, Principal
from xase_server.domain.randomness import random_bytes
from xase_server.domain.sessions import ACTIVE, SESSION, Asked, NewAccess, Session
from xase_server.domain.times import DAY_MS, parse_duration
from xase_server.ledger.append import Ledger
from xase_server.policy.contract import Contract
from xase_server.policy.decide import AccessRequest, Verdict
from xase_server.policy.decide import Outcome as Ruling
from xase_server.policy.sight import pertaining
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.approving import approvals_now, find_standing, laid_aside, new_request, person, status_at
from xase_server.services.documents import document_of, schema_of, version_of, waiting_of
from xase_server.services.governance import Governance, Governed, policy_violation
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    answer_again,
    recall,
    remember,
    remembered,
)
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.sessions import session_view
from xase_server.services.views import View
from xase_server.services.visibility import find_dataset

_LONGEST_MS: Final = 3_650 * DAY_MS


@dataclass(frozen=True, slots=True)
class _Case:
    """A request with the dataset that it is for, as one view of the store showed it."""

    who: Principal
    wish: NewAccess
    governed: Governed
    version: Version
    request: AccessRequest
    standing: ObjectRow | None

    @property
    def approved(self) -> ObjectRow | None:
        """The request for the same that people have approved."""
        return self.standing if self.request.approvals else None


class Access:
    """Answers requests for access."""

    def __init__(
        self,
        ledger: Ledger,
        reader: Reader,
        clock: Clock,
        governance: Governance,
        *,
        default_ms: int = 30 * DAY_MS,
        approval_ms: int = 7 * DAY_MS,
        master: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock
        self._governance = governance
        self._default_ms = default_ms
        self._approval_ms = approval_ms
        self._master = master

    async def request(self, who: Principal, wish: NewAccess, once: Once | None) -> Outcome:
        """The new session; when it is answered, verdict and opening are durable.

        Raises Refused: `not_found` for a dataset that the caller may not know of, `conflict` for a
        name that several have and for a dataset that takes no session now, `policy_violation` and
        `approval_required` after their verdict has become durable.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        return await until_it_stands(lambda: self._attempt(who, wish, once))

    async def _attempt(self, who: Principal, wish: NewAccess, once: Once | None) -> Outcome:
        return await self._answer(await self._reader.scan(lambda reads: self._look_up(reads, who, wish)), once)

    async def _answer(self, case: _Case, once: Once | None) -> Outcome:
        own = case.governed.row.organisation == case.who.organisation and case.who.may(DATASETS_WRITE)
        verdict = self._governance.judge(case.governed, case.request, own=own)
        if verdict.outcome is Ruling.APPROVAL_REQUIRED:
            raise await self._wait(case, verdict)
        verdict = _sealed(case, verdict)
        ruled = _append_verdict(case, verdict, new_id("vrd"))
        if verdict.contract is None:
            # COMMIT POINT: the denial is in the ledger before anybody is told.
            await self._ledger.append(Unit((ruled,), expects=case.governed.expects))
            raise policy_violation(verdict.policy_id, verdict.policy_version, verdict.violations)
        row, session = self._session(case, verdict, verdict.contract, ruled.id)
        view = session_view(row, session, row.created_ms)
        unit = Unit(
            (ruled, _append_opening(case, row, session)),
            remember(once, Remembered(body=view)),
            case.governed.expects + _as_found(case.approved),
        )
        # COMMIT POINT: verdict and session are there together, or neither is.
        committed = await self._ledger.append(unit)
        return answer_again(remembered(committed)) if isinstance(committed, Replayed) else Outcome(view)

    async def _wait(self, case: _Case, verdict: Verdict) -> Refused:
        """The refusal that names the request which waits for people; request and verdict are durable."""
        changes: tuple[ObjectRow, ...] = ()
        ruled, standing, now_ms = new_id("vrd"), case.standing, case.request.now_ms
        if standing is not None and status_at(standing, now_ms) == PENDING:
            made = standing
        else:
            made = new_request(case.who, _waiting(case, verdict, ruled), now_ms, now_ms + self._approval_ms)
            changes = (*laid_aside(standing, now_ms), made)
        append = _append_verdict(case, verdict, ruled, approval=made.id, changes=changes)
        try:
            # COMMIT POINT: the request waits, and those who decide find it.
            await self._ledger.append(Unit((append,), expects=case.governed.expects + _as_found(standing)))
        except Refused as refused:
            if changes and refused.kind.slug == "conflict":  # the same was asked at the same time, and has the name
                raise Stale((made.ref,)) from refused
            raise
        return _approval_required(verdict, made.id)

    def _look_up(self, reads: Reads, who: Principal, wish: NewAccess) -> _Case:
        governed = self._governance.governed(reads, find_dataset(reads, who.organisation, _named(wish)))
        number = governed.dataset.version
        row = reads.object(version_ref(governed.row.id, number)) if number else None
        if governed.row.status == ARCHIVED or row is None:
            state = "is archived" if governed.row.status == ARCHIVED else "has no data yet"
            raise _conflict(f"The dataset {state} and takes no session", governed.row.id)
        request = self._asked(who, wish)
        standing = find_standing(reads, who, governed.row.id, _asked_of(request))
        if standing is not None:
            request = replace(request, approvals=approvals_now(reads, standing, request.now_ms))
        return _Case(who, wish, governed, version_of(row), request, standing)

    def _asked(self, who: Principal, wish: NewAccess) -> AccessRequest:
        return AccessRequest(
            organisation=who.organisation,
            principal=person(who.email),
            role=who.role,
            purpose=wish.purpose,
            now_ms=self._clock.now_ms(),
            duration_ms=parse_duration(wish.duration, "duration", maximum_ms=_LONGEST_MS) if wish.duration else None,
            model_id=wish.model_id or None,
            jurisdiction=wish.jurisdiction or None,
        )

    def _session(self, case: _Case, verdict: Verdict, contract: Contract, ruled: str) -> tuple[ObjectRow, Session]:
        request, dataset = case.request, case.governed.row
        expires_ms = request.now_ms + (request.duration_ms or contract.duration_ms or self._default_ms)
        session = Session(
            dataset_id=dataset.id,
            dataset=case.governed.dataset.name,
            version=case.version.number,
            holder=dataset.organisation,
            asked=_asked_of(request),
            contract=contract.to_dict(),
            contract_hash=contract.hash,
            verdict=ruled,
            expires_ms=expires_ms,
            key_id=case.who.key_id,
            policy_id=verdict.policy_id,
            policy_version=verdict.policy_version,
            approval=case.approved.id if case.approved else None,
            master=self._master,
            guardrails=case.governed.versions,
        )
        row = ObjectRow(
            kind=SESSION,
            id=new_id("sess"),
            organisation=case.who.organisation,
            partner=dataset.organisation if dataset.organisation != case.who.organisation else None,
            parent=dataset.id,
            revision=1,
            document=document_of(session),
            created_ms=request.now_ms,
            status=ACTIVE,
            ends_ms=expires_ms,
        )
        return row, session


def _sealed(case: _Case, verdict: Verdict) -> Verdict:
    """The verdict with the contract as it is for this dataset version, under a salt of its own."""
    if verdict.contract is None:
        return verdict
    contract = pertaining(verdict.contract, schema_of(case.version))
    return replace(verdict, contract=replace(contract, salt=random_bytes(32).hex()))


def _asked_of(request: AccessRequest) -> Asked:
    return Asked(
        organisation=request.organisation,
        role=request.role,
        purpose=request.purpose,
        duration_ms=request.duration_ms,
        model_id=request.model_id,
        jurisdiction=request.jurisdiction,
    )


def _waiting(case: _Case, verdict: Verdict, ruled: str) -> Waiting:
    return Waiting(
        dataset_id=case.governed.row.id,
        dataset=case.governed.dataset.name,
        holder=case.governed.row.organisation,
        asked=_asked_of(case.request),
        key_id=case.who.key_id,
        verdict=ruled,
        policy_id=verdict.policy_id,
        policy_version=verdict.policy_version,
        approvers=verdict.approvers,
    )


def _append_verdict(
    case: _Case, verdict: Verdict, ruled: str, *, approval: str | None = None, changes: tuple[ObjectRow, ...] = ()
) -> Append:
    """The holder's entry. What its rules are called, and what they impose, is committed to, not shown."""
    holder, contract = case.governed.row.organisation, verdict.contract
    parts: dict[str, Any] = {
        "trace": {
            "checks": [asdict(check) for check in verdict.trace],
            "chosen": dict(verdict.chosen or {}),
            "narrowed_by": dict(verdict.narrowed_by or {}),
        },
        "principal": case.who.email,
    }
    parts |= {"contract": contract.to_dict()} if contract is not None else {}
    parts |= {"metadata": case.wish.metadata} if case.wish.metadata is not UNSET else {}
    return make_append(
        identifier=ruled,
        type="verdict",
        stream=admin_stream(holder),
        principal=case.who,
        owner=holder,
        body=_given(
            dataset_id=case.governed.row.id,
            dataset_version=case.version.number,
            policy_id=verdict.policy_id,
            policy_version=verdict.policy_version,
            policy_hash=case.governed.policy.hash if case.governed.policy else None,
            guardrails=case.governed.cited_guardrails,
            outcome=str(verdict.outcome),
            purpose=case.request.purpose,
            model_id=case.request.model_id,
            jurisdiction=case.request.jurisdiction,
            duration_ms=case.request.duration_ms,
            contract_hash=contract.hash if contract is not None else None,
            violations=[each.rule for each in verdict.violations] or None,
            approval_request_id=approval,
        ),
        parts=parts,
        effect=ObjectsChanged(changes) if changes else None,
        not_before_ms=case.request.now_ms,
    )


def _append_opening(case: _Case, row: ObjectRow, session: Session) -> Append:
    """The first entry of the session's own stream. The lab reads it, so the contract is only named by its hash."""
    parts: dict[str, Any] = {"principal": case.who.email}
    parts |= {"metadata": case.wish.metadata} if case.wish.metadata is not UNSET else {}
    return make_append(
        identifier=row.id,
        type="session_opened",
        stream=session_stream(row.id),
        principal=case.who,
        body=_given(
            session_id=row.id,
            dataset_id=session.dataset_id,
            dataset_version=session.version,
            dataset_digest=case.version.digest,
            policy_id=session.policy_id,
            policy_version=session.policy_version,
            policy_hash=case.governed.policy.hash if case.governed.policy else None,
            guardrails=case.governed.cited_guardrails,
            contract_hash=session.contract_hash,
            verdict=session.verdict,
            approval_request_id=session.approval,
            approvals=_approving(case.approved),
            purpose=session.asked.purpose,
            model_id=session.asked.model_id,
            opened_at=format_time(row.created_ms),
            expires_at=format_time(session.expires_ms),
        ),
        parts=parts,
        effect=ObjectsChanged((row,)),
        not_before_ms=row.created_ms,
    )


def _given(**fields: Any) -> View:
    return {name: value for name, value in fields.items() if value is not None}


def _named(wish: NewAccess) -> str:
    if (wish.dataset_id is UNSET) == (wish.dataset is UNSET):
        message = "Required field missing" if wish.dataset is UNSET else "Give either dataset_id or dataset"
        raise invalid("Invalid request body", FieldProblem("dataset_id", message))
    return wish.dataset_id or wish.dataset or ""


def _approving(row: ObjectRow | None) -> list[str] | None:
    """The entries of the votes that a session rests on."""
    return None if row is None else [vote.entry for vote in waiting_of(row).votes if vote.approves]


def _as_found(row: ObjectRow | None) -> tuple[Expectation, ...]:
    return () if row is None else (Expectation(row.ref, row.revision),)


def _approval_required(verdict: Verdict, identifier: str) -> Refused:
    details = {
        "policy_id": verdict.policy_id,
        "policy_version": verdict.policy_version,
        "approval_request_id": identifier,
        "approvers": list(verdict.approvers),
        "status": PENDING,
    }
    return Refused("approval_required", "People must approve this request first", details)


def _conflict(message: str, identifier: str) -> Refused:
    return Refused("conflict", message, {"resource": "dataset", "id": identifier})
