"""What people have agreed to: the request that stands for a wish, and what its votes amount to now.

A request is found by its name, which says who wants what. One that is settled against the
requester, or has run out, gives its name up for the next.
"""

from collections.abc import Sequence

from msgspec import structs

from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase_server.domain.approvals import APPROVAL, APPROVED, EXPIRED, PENDING, Waiting
from xase_server.domain.decisions import Page
from xase_server.domain.entries import ApiKeyRow
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import Asked
from xase_server.policy.decide import Approval
from xase_server.ports import Reads
from xase_server.services.authentication import works
from xase_server.services.documents import document_of, waiting_of


def person(email: str) -> str:
    """Who an e-mail address names, however it is spelled: one vote for each."""
    return email.casefold()


def status_at(row: ObjectRow, now_ms: int) -> str:
    """The request's status by the clock: one that nobody settled in time has expired."""
    return EXPIRED if row.status == PENDING and now_ms >= (row.ends_ms or 0) else row.status


def find_standing(reads: Reads, who: Principal, dataset_id: str, asked: Asked) -> ObjectRow | None:
    """The request that the caller made for the same before, if it stands yet."""
    wanted = ObjectQuery(kind=APPROVAL, owner=who.organisation, name=_name(who, dataset_id, asked))
    return next(iter(reads.objects(wanted, Page(1)).rows), None)


def approvals_now(reads: Reads, row: ObjectRow, now_ms: int, until_ms: int | None = None) -> tuple[Approval, ...]:
    """What counts of the votes on a request that was approved; nothing on every other.

    They hold until `until_ms`, where that is not given to the end of the request.
    """
    if row.status != APPROVED or row.ends_ms is None:
        return ()
    waiting, until_ms = waiting_of(row), row.ends_ms if until_ms is None else until_ms
    return approvals_of(reads.keys(waiting.holder), waiting, now_ms, until_ms) if now_ms < until_ms else ()


def approvals_of(keys: Sequence[ApiKeyRow], waiting: Waiting, now_ms: int, until_ms: int) -> tuple[Approval, ...]:
    """Who approved, each with every role that they hold now: by any key of theirs, of the holder's, that works."""
    cast = {vote.key_id for vote in waiting.votes if vote.approves}
    voters = {person(key.email) for key in keys if key.id in cast}
    held = {(person(key.email), key.role) for key in keys if key.role is not None and works(key, now_ms)}
    return tuple(Approval(who, role, until_ms) for who, role in sorted(held) if who in voters)


def new_request(who: Principal, waiting: Waiting, now_ms: int, ends_ms: int) -> ObjectRow:
    """The row of a request that waits."""
    return ObjectRow(
        kind=APPROVAL,
        id=new_id("apr"),
        organisation=who.organisation,
        partner=waiting.holder if waiting.holder != who.organisation else None,
        parent=waiting.dataset_id,
        name=_name(who, waiting.dataset_id, waiting.asked),
        revision=1,
        document=document_of(waiting),
        created_ms=now_ms,
        status=PENDING,
        ends_ms=ends_ms,
    )


def laid_aside(row: ObjectRow | None, now_ms: int) -> Sequence[ObjectRow]:
    """The next revision of a request that another one follows."""
    if row is None:
        return ()
    return (structs.replace(row, revision=row.revision + 1, status=status_at(row, now_ms), name=None),)


def _name(who: Principal, dataset_id: str, asked: Asked) -> str:
    return sha256_digest(canonical([person(who.email), dataset_id, structs.asdict(asked)]))
