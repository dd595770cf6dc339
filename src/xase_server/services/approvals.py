"""How people approve or deny requests for access (docs/spec/api.md, section 5; docs/spec/policy.md, section 1).

Every vote is an entry. It counts by the policy that is in force when it commits: a unit is refused
as Stale when the policy, or another's vote, has come in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET, structs
from msgspec.json import decode

from xase.proof.entry import format_time
from xase_server.domain.approvals import (
    APPROVAL,
    APPROVED,
    DENIED,
    PENDING,
    Opinion,
    Vote,
    Waiting,
    approval_ref,
)
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.entries import ApiKeyRow, Append, ObjectsChanged, Replayed, Unit, admin_stream
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import ACCESS_APPROVE, Principal
from xase_server.domain.times import DAY_MS, format_duration
from xase_server.ledger.append import Ledger
from xase_server.policy.decide import AccessRequest, Violation
from xase_server.policy.decide import Outcome as Ruling
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.approving import approvals_of, person, status_at
from xase_server.services.documents import document_of, waiting_of
from xase_server.services.governance import Governance, Governed, policy_violation
from xase_server.services.grants import asked_again
from xase_server.services.outcome import Once, Outcome, Remembered, recall, remember
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View

_OWN = Violation("self_approval", "Nobody decides on their own request")
_ELSEWHERE = Violation("approver_not_allowed", "Only people of the organisation that holds the dataset decide")
_ROLE = Violation("approver_not_allowed", "The policy does not name the role of this key")


@dataclass(frozen=True, slots=True)
class _Case:
    """A request that waits, with all that a vote on it rests on, in one view of the store."""

    row: ObjectRow
    waiting: Waiting
    governed: Governed
    request: AccessRequest
    theirs: Sequence[ApiKeyRow]
    ours: Sequence[ApiKeyRow]


class Approvals:
    """Shows requests to those who asked and those who decide, and takes votes."""

    def __init__(
        self, ledger: Ledger, reader: Reader, clock: Clock, governance: Governance, *, good_ms: int = 7 * DAY_MS
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock
        self._governance = governance
        self._good_ms = good_ms

    async def get(self, who: Principal, identifier: str) -> View:
        """One request; raises `not_found`."""

        def work(reads: Reads) -> View:
            row = _find(reads, identifier)
            own = row.organisation == who.organisation
            if not own and not (row.partner == who.organisation and who.may(ACCESS_APPROVE)):
                raise not_found("approval", identifier)
            return approval_view(reads, who, row, self._clock.now_ms())

        return await self._reader.point(work)

    async def list(
        self, who: Principal, dataset_id: str | None, status: str | None, page: Page
    ) -> tuple[Sequence[View], int, int | None]:
        """A page of requests, the exact total, and where the next page begins (None at the end).

        They are those of the caller's organisation and, for people who may decide, those on its datasets.
        """
        now_ms = self._clock.now_ms()
        decides = who.may(ACCESS_APPROVE)
        query = ObjectQuery(
            kind=APPROVAL,
            visible_to=who.organisation if decides else None,
            owner=None if decides else who.organisation,
            parent=dataset_id,
            status=status,
            now_ms=now_ms,
        )

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            found = reads.objects(query, page)
            return [approval_view(reads, who, row, now_ms) for row in found.rows], found.total, found.next_after

        return await self._reader.scan(work)

    async def vote(
        self, who: Principal, identifier: str, opinion: Opinion, once: Once | None, *, approves: bool
    ) -> Outcome:
        """The request after the caller's vote, which is durable.

        It is APPROVED with the vote that completes the policy's quorum, DENIED with the first
        against it. Raises `not_found`; `conflict` for one that is settled or expired and for a
        person who has voted before; `policy_violation` for who may not decide.
        """
        again = await recall(self._reader, once) is not None

        async def attempt() -> bool:
            if again:
                return True
            case = await self._reader.scan(lambda reads: self._look_up(reads, who, identifier))
            self._refuse(case, who)
            unit = self._unit(case, who, opinion, approves=approves)
            claim = remember(once, Remembered(ids=[identifier]))
            # COMMIT POINT: the vote counts, by the policy in force, and the ledger says so.
            return isinstance(await self._ledger.append(structs.replace(unit, claim=claim)), Replayed)

        replayed = await until_it_stands(attempt)
        return Outcome(await self.get(who, identifier), replayed=replayed)

    def _look_up(self, reads: Reads, who: Principal, identifier: str) -> _Case:
        row = _find(reads, identifier)
        if not row.concerns(who.organisation):
            raise not_found("approval", identifier)
        waiting = waiting_of(row)
        governed = self._governance.of(reads, waiting.dataset_id)
        assert governed is not None, "datasets are archived, never removed"
        request = asked_again(waiting.asked, self._clock.now_ms())
        return _Case(row, waiting, governed, request, reads.keys(row.organisation), reads.keys(waiting.holder))

    def _refuse(self, case: _Case, who: Principal) -> None:
        """Raise when the caller may not vote on this request, or it takes no vote any more."""
        if status_at(case.row, case.request.now_ms) != PENDING:
            raise _conflict("This request is settled or has expired", case.row)
        if who.organisation != case.waiting.holder:
            raise _forbidden(case, _ELSEWHERE)
        asking = {person(key.email) for key in case.theirs if key.id == case.waiting.key_id}
        if who.key_id == case.waiting.key_id or person(who.email) in asking:
            raise _forbidden(case, _OWN)
        verdict = self._governance.judge(case.governed, case.request, own=_is_own(case))
        if verdict.outcome is Ruling.DENY:
            raise _forbidden(case, *verdict.violations)
        if verdict.outcome is Ruling.PERMIT:
            raise _conflict("The policy asks for no approval any more; ask for access again", case.row)
        if who.role not in verdict.approvers:
            raise _forbidden(case, _ROLE)
        cast = {vote.key_id for vote in case.waiting.votes}
        if person(who.email) in {person(key.email) for key in case.ours if key.id in cast}:
            raise _conflict("This person has voted before", case.row)

    def _unit(self, case: _Case, who: Principal, opinion: Opinion, *, approves: bool) -> Unit:
        now_ms, entry = case.request.now_ms, new_id("vote")
        vote = Vote(key_id=who.key_id, role=who.role or "", approves=approves, entry=entry, voted_ms=now_ms)
        waiting = structs.replace(case.waiting, votes=(*case.waiting.votes, vote))
        status = self._settled(case, waiting) if approves else DENIED
        row = structs.replace(
            case.row,
            revision=case.row.revision + 1,
            status=status,
            document=document_of(waiting),
            name=None if status == DENIED else case.row.name,
            ends_ms=now_ms + self._good_ms if status == APPROVED else case.row.ends_ms,
        )
        return Unit((_append_vote(who, row, waiting, vote, opinion),), expects=case.governed.expects)

    def _settled(self, case: _Case, waiting: Waiting) -> str:
        """What the policy in force makes of all votes."""
        now_ms = case.request.now_ms
        approvals = approvals_of(case.ours, waiting, now_ms, now_ms + 1)
        verdict = self._governance.judge(case.governed, replace(case.request, approvals=approvals), own=_is_own(case))
        return APPROVED if verdict.outcome is Ruling.PERMIT else PENDING


def approval_view(reads: Reads, who: Principal, row: ObjectRow, now_ms: int) -> View:
    """A request as those see it who asked; those who decide also see names and the metadata."""
    waiting = waiting_of(row)
    asked, decides = waiting.asked, who.organisation == waiting.holder
    said = _parts(reads, waiting.verdict)
    view: View = {
        "approval_request_id": row.id,
        "status": status_at(row, now_ms),
        "dataset_id": waiting.dataset_id,
        "dataset": waiting.dataset,
        "organisation": row.organisation,
        "purpose": asked.purpose,
        "model_id": asked.model_id,
        "duration": None if asked.duration_ms is None else format_duration(asked.duration_ms),
        "jurisdiction": asked.jurisdiction,
        "policy_id": waiting.policy_id,
        "policy_version": waiting.policy_version,
        "approvers": list(waiting.approvers),
        "votes": [_vote_view(reads, vote, decides=decides) for vote in waiting.votes],
        "created_at": format_time(row.created_ms),
        "expires_at": format_time(row.ends_ms or row.created_ms),
    }
    if decides:
        view |= {"requested_by": said.get("principal"), "metadata": said.get("metadata")}
    return view


def _vote_view(reads: Reads, vote: Vote, *, decides: bool) -> View:
    said = _parts(reads, vote.entry)
    view: View = {
        "vote": "approve" if vote.approves else "deny",
        "role": vote.role,
        "voted_at": format_time(vote.voted_ms),
        "evidence_id": vote.entry,
        "reason": said.get("reason"),
    }
    return view | ({"approver": said.get("principal")} if decides else {})


def _append_vote(who: Principal, row: ObjectRow, waiting: Waiting, vote: Vote, opinion: Opinion) -> Append:
    reason = {} if opinion.reason is UNSET else {"reason": opinion.reason}
    return make_append(
        identifier=vote.entry,
        type="approval",
        stream=admin_stream(waiting.holder),
        principal=who,
        body={
            "approval_request_id": row.id,
            "dataset_id": waiting.dataset_id,
            "verdict": waiting.verdict,
            "vote": "approve" if vote.approves else "deny",
            "role": vote.role,
            "status": row.status,
        },
        parts={"principal": who.email, **reason},
        effect=ObjectsChanged((row,)),
        not_before_ms=vote.voted_ms,
    )


def _find(reads: Reads, identifier: str) -> ObjectRow:
    row = reads.object(approval_ref(identifier))
    if row is None:
        raise not_found("approval", identifier)
    return row


def _parts(reads: Reads, entry: str) -> dict[str, Any]:
    """What is there yet of an entry's parts."""
    found = reads.any_entry(entry)
    return {} if found is None else {name: decode(part.canonical) for name, part in found[2].items()}


def _is_own(case: _Case) -> bool:
    return case.row.organisation == case.waiting.holder


def _forbidden(case: _Case, *violations: Violation) -> Refused:
    return policy_violation(case.governed.policy_id, case.governed.policy_version, violations)


def _conflict(message: str, row: ObjectRow) -> Refused:
    return Refused("conflict", message, {"resource": "approval", "id": row.id})
