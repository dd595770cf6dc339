"""Bulk: the whole rest of a query in one answer, batch by batch, each batch in the ledger before its first byte.

While one batch is sent the next is taken, encoded and committed, so that neither waits for the other. A
caller that leaves has then been written down for one batch more than it got: evidence may say too much,
never too little.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Final, NamedTuple

from xase_server.delivery.chunks import Chunk
from xase_server.delivery.wire import Encoder
from xase_server.domain.errors import unavailable
from xase_server.domain.principals import Principal
from xase_server.query.refusal import refuse
from xase_server.services.anew import until_it_stands
from xase_server.services.data import Ask, Data, Place, taken
from xase_server.services.grants import Grant, Visit
from xase_server.services.planning import Plan, readable
from xase_server.services.releases import Release, new_batch_id
from xase_server.services.wanted import Wanted

MakeEncoder = Callable[[Plan], Encoder]
MakeCursor = Callable[[Place], str]

_VIA: Final = "stream"


class Batch(NamedTuple):
    """A batch that is in the ledger: its bytes, and the position behind it (None at the end)."""

    pieces: list[Chunk]
    following: int | None


class Bulk:
    """One answer under way; `encoder` makes what writes it, `cursor` the text of a place."""

    def __init__(
        self, data: Data, who: Principal, session_id: str, *, encoder: MakeEncoder, cursor: MakeCursor
    ) -> None:
        self._data = data
        self._who = who
        self._session_id = session_id
        self._make_encoder = encoder
        self._cursor = cursor
        self._encoder: Encoder | None = None
        self._contract_hash = ""
        self._wanted = Wanted()
        self._most = 0

    async def begin(self, ask: Ask) -> AsyncGenerator[Chunk]:
        """The bytes of the answer, in batches of `ask.most` records. The first is in the ledger when this returns.

        Raises what a page raises. A later batch that is refused ends the answer short of its end. The answer
        holds its place in the session until it has ended or is closed.
        """
        chunks = self._chunks(ask)
        await anext(chunks)  # begun: what is refused by now is an error, and closing runs what frees the place
        return chunks

    async def _chunks(self, ask: Ask) -> AsyncGenerator[Chunk]:
        async with self._data.gate.entered(self._who, self._session_id, _VIA) as visit:
            self._wanted, self._most = await self._data.wanted(ask), ask.most
            batch = await self._batch(visit, 0 if ask.place is None else ask.place.position)
            yield b""  # where `begin` leaves it
            async with aclosing(self._pieces(visit, batch)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _pieces(self, visit: Visit, batch: Batch) -> AsyncGenerator[Chunk]:
        coming: asyncio.Task[Batch] | None = None
        try:
            while True:
                coming = None if batch.following is None else asyncio.create_task(self._batch(visit, batch.following))
                for piece in batch.pieces:
                    yield piece
                if coming is None:
                    break
                batch = await coming
            assert self._encoder is not None, "made for the first batch"
            yield self._encoder.end()
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)  # nobody else asks what has become of it

    async def _batch(self, visit: Visit, start: int) -> Batch:
        with readable():
            return await until_it_stands(partial(self._released, visit, start))

    async def _released(self, visit: Visit, start: int) -> Batch:
        grant = await visit.grant()
        self._refuse_other_terms(grant)
        plan = await self._data.planner.plan(grant, self._wanted)
        if plan.shape.computed:
            raise refuse("fields", "Computed fields are given as JSON, page by page")
        batch_id = new_batch_id()
        encoder = self._encoder or self._make_encoder(plan)
        numbers, position = plan.step(start, self._most)
        following = position if position < len(plan.selection) else None
        cursor = "" if following is None else self._cursor(Place(position, batch_id, self._wanted.digest))
        metadata = {"batch_id": batch_id, "record_count": str(len(numbers)), "next_cursor": cursor}
        pieces = await self._data.planner.run(lambda: list(encoder.batch(taken(plan, numbers), metadata)))
        size = sum(map(len, pieces))
        release = Release(via=_VIA, numbers=numbers, fields=plan.shape.fields, asked=self._wanted.plain, size=size)
        await self._data.releases.commit(grant, batch_id, release)
        visit.released()
        self._encoder, self._contract_hash = encoder, grant.contract_hash  # its head is in a batch that will be sent
        self._data.remember(self._wanted)
        return Batch(pieces, following)

    def _refuse_other_terms(self, grant: Grant) -> None:
        """An answer has one schema: after a change of terms the caller goes on by its cursor, in a new answer."""
        if self._contract_hash and grant.contract_hash != self._contract_hash:
            raise unavailable("The session's terms have changed; go on from the last cursor")
