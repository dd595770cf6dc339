"""How sessions end: closed by the lab, revoked by the holder, or expired (docs/spec/api.md, section 5).

Each ending is an entry of the session's stream and the session's next revision, in one commit. A
release that was admitted before it and comes after it is refused as Stale by the ledger.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from msgspec import UNSET, structs

from xase_server.domain.clock import Clock
from xase_server.domain.entries import Append, EntryType, ObjectsChanged, Replayed, Unit, session_stream
from xase_server.domain.errors import not_found, unavailable
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow, Stale
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import ACTIVE, EXPIRED, REVOKED, SESSION, TERMINATED, Ending, session_ref
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.documents import document_of, session_of
from xase_server.services.endings import status_of
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
from xase_server.services.sessions import read_session
from xase_server.services.visibility import every_object, find_own_dataset

_ATTEMPTS: Final = 8
_MOST_SWEPT: Final = 500


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to end a session."""

    status: str
    type: EntryType


_CLOSED: Final = _Way(TERMINATED, "session_closed")
_REVOKED: Final = _Way(REVOKED, "access_revoked")
_EXPIRED: Final = _Way(EXPIRED, "session_expired")


class Closing:
    """Ends sessions."""

    def __init__(self, ledger: Ledger, reader: Reader, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock

    async def close(self, who: Principal, session_id: str, why: Ending, once: Once | None) -> Outcome:
        """The session, closed by the organisation that uses it; on return no release can follow.

        One that has ended before stays as it is. Raises `not_found`.
        """
        return await self._end(who, session_id, _CLOSED, why, once)

    async def revoke(self, who: Principal, session_id: str, why: Ending, once: Once | None) -> Outcome:
        """The session, revoked by the holder of its dataset; on return no release can follow.

        One that has ended before stays as it is. Raises `not_found`.
        """
        return await self._end(who, session_id, _REVOKED, why, once)

    async def revoke_all(self, who: Principal, dataset: str, why: Ending, once: Once | None) -> Outcome:
        """The open sessions of the holder's dataset, all revoked together; an empty list when there were none."""
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        dataset_id = (await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, dataset))).id
        revoked: list[str] = []
        until_ms: int | None = None
        for _ in range(_ATTEMPTS):
            rows = await self._reader.scan(partial(self._open_sessions, dataset_id, until_ms))
            body: dict[str, Any] = {"dataset_id": dataset_id, "sessions": [*revoked, *(row.id for row in rows)]}
            if not rows:
                return Outcome(body)
            claim = remember(once, Remembered(body=body)) if not revoked else None
            unit = Unit(tuple(_append_ending(who, row, _REVOKED, why) for row in rows), claim)
            try:
                # COMMIT POINT: all of them end together, or none does.
                committed = await self._ledger.append(unit)
            except Stale:  # one of them has ended meanwhile
                continue
            if isinstance(committed, Replayed):
                return answer_again(remembered(committed))
            revoked = body["sessions"]
            until_ms = committed.entries[-1].time_ms + 1  # look again for what opened before this commit, unseen
        raise unavailable("The dataset's sessions are changing; ask again")

    async def sweep(self) -> int:
        """Write the entries of sessions whose time is over; gives how many there were."""
        now_ms = self._clock.now_ms()
        rows = await self._reader.scan(lambda reads: reads.ended(SESSION, ACTIVE, now_ms, _MOST_SWEPT))
        await asyncio.gather(*(self._expire(row) for row in rows))
        return len(rows)

    async def _expire(self, row: ObjectRow) -> None:
        server = Principal(row.organisation, "server", "", None, frozenset())
        with suppress(Stale):  # ended by somebody, or swept by another server
            # COMMIT POINT: the expiry is in the ledger; the clock has held it against everybody before.
            await self._ledger.append(Unit((_append_ending(server, row, _EXPIRED, None),)))

    async def _end(self, who: Principal, session_id: str, way: _Way, why: Ending, once: Once | None) -> Outcome:
        again = await recall(self._reader, once) is not None

        async def attempt() -> bool:
            row = await self._reader.point(lambda reads: _entitled(reads, who, session_id, way))
            if again or status_of(row, self._clock.now_ms()) != ACTIVE:
                return again
            claim = remember(once, Remembered(ids=[session_id]))
            # COMMIT POINT: the session has ended, and the ledger says so.
            committed = await self._ledger.append(Unit((_append_ending(who, row, way, why),), claim))
            return isinstance(committed, Replayed)

        replayed = await until_it_stands(attempt)
        return Outcome(await self._reader.point(lambda reads: self._show(reads, session_id)), replayed=replayed)

    def _show(self, reads: Reads, session_id: str) -> Any:
        row = reads.object(session_ref(session_id))
        assert row is not None, "sessions end, they are never removed"
        return read_session(reads, row, self._clock.now_ms())

    def _open_sessions(self, dataset_id: str, until_ms: int | None, reads: Reads) -> Sequence[ObjectRow]:
        query = ObjectQuery(
            kind=SESSION,
            parent=dataset_id,
            status=ACTIVE,
            until_ms=until_ms,
            now_ms=self._clock.now_ms(),
            ended=EXPIRED,
        )
        return list(every_object(reads, query))


def _append_ending(who: Principal, row: ObjectRow, way: _Way, why: Ending | None) -> Append:
    identifier = new_id("evt")
    session = structs.replace(session_of(row), ending=identifier)
    after = structs.replace(row, revision=row.revision + 1, status=way.status, document=document_of(session))
    parts = {"principal": who.email} if why is not None else {}
    parts |= {"reason": why.reason} if why is not None and why.reason is not UNSET else {}
    return make_append(
        identifier=identifier,
        type=way.type,
        stream=session_stream(row.id),
        principal=who,
        owner=row.organisation,
        body={"session_id": row.id, "dataset_id": session.dataset_id},
        parts=parts,
        effect=ObjectsChanged((after,)),
    )


def _entitled(reads: Reads, who: Principal, session_id: str, way: _Way) -> ObjectRow:
    """The session, when it is the caller's to end this way; every other answers as an unknown one."""
    row = reads.object(session_ref(session_id))
    if row is None:
        raise not_found("session", session_id)
    holder = row.partner or row.organisation
    if who.organisation != (holder if way is _REVOKED else row.organisation):
        raise not_found("session", session_id)
    return row
