"""A session's data, batch after batch."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from xase._client import frames, wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.series import AsyncSeries
from xase._client.ahead import async_ahead
from xase._client.progress import Progress
from xase.errors import ConnectionLost, UnexpectedAnswer, XaseError
from xase.models import Batch


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stream was asked for. `params` are the whole question; a cursor carries it on by itself."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 32
    cursor: str | None = None
    prefetch: int = 1
    is_bulk: bool = False
    progress: bool | None = None

    def call(self, cursor: str | None) -> wire.Call:
        """The request for what follows `cursor`, or for the beginning."""
        question = self.params if cursor is None else {"cursor": cursor}
        accept = frames.MEDIA_TYPE if self.is_bulk else wire.JSON
        return wire.call("GET", self.path, params={**question, "batch_size": self.batch_size}, accept=accept)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has come: `cursor` leads on, unless this is the end, or the server did not say."""

    cursor: str | None
    is_end: bool = False
    is_known: bool = True

    def after(self, said: Mapping[str, str]) -> "Place":
        """The place behind a batch with this metadata."""
        cursor = said.get("next_cursor")
        return Place(cursor or None, is_end=cursor == "", is_known=cursor is not None)


class AsyncStream(AsyncSeries[Batch]):
    """An iterator of batches. `cursor` is where to go on after those that were handed out, None at the end.

    What is lost on the way is asked for again from the last batch that came, so that no data record is
    missing or comes twice. Leaving the loop ends it and frees its connection; so does `aclose`, or the
    end of a `with` block.
    """

    def __init__(self, exchange: AsyncExchange, wish: Wish) -> None:
        self.cursor = wish.cursor
        self._wish = wish
        super().__init__(_run(exchange, wish))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._wish.path}, batch_size={self._wish.batch_size})"

    async def __anext__(self) -> Batch:
        batch = await super().__anext__()
        self.cursor = batch.next_cursor
        return batch


def _run(exchange: AsyncExchange, wish: Wish) -> AsyncGenerator[Batch, None]:
    """The batches, read ahead and counted."""
    source = (_bulk if wish.is_bulk else _pages)(exchange, wish)
    if wish.prefetch > 0:
        source = async_ahead(source, wish.prefetch)
    return _counted(source, Progress("streaming", is_wanted=wish.progress))


async def _counted(source: AsyncGenerator[Batch, None], progress: Progress) -> AsyncGenerator[Batch, None]:
    with progress:
        async with aclosing(source):
            async for batch in source:
                progress.add(len(batch))
                yield batch


async def _pages(exchange: AsyncExchange, wish: Wish) -> AsyncGenerator[Batch, None]:
    """JSON pages, one request each."""
    cursor = wish.cursor
    while True:
        batch = _batch(await exchange.send(wish.call(cursor)), cursor)
        if len(batch) or batch.has_more:
            yield batch
        if not batch.has_more:
            return
        if batch.next_cursor == cursor:
            raise UnexpectedAnswer("the server named the same page as its own successor")
        cursor = batch.next_cursor


def _batch(page: Any, cursor: str | None) -> Batch:
    if not isinstance(page, dict) or not isinstance(page.get("batch"), list) or "batch_id" not in page:
        raise UnexpectedAnswer("the server answered with something that is no batch")
    following = page.get("next_cursor") if page.get("has_more", True) else None
    return Batch(page["batch"], batch_id=page["batch_id"], cursor=cursor, next_cursor=following)


async def _bulk(exchange: AsyncExchange, wish: Wish) -> AsyncGenerator[Batch, None]:
    """Arrow record batches out of one long answer, and out of another one from the last cursor when it breaks."""
    place, attempt, limit = Place(wish.cursor), 0, exchange.limit()
    while not place.is_end:
        call = wish.call(place.cursor)
        try:
            async with aclosing(_record_batches(exchange, call)) as delivered:
                async for record_batch, said in delivered:
                    begun, place, attempt = place.cursor, place.after(said), 0
                    yield Batch(record_batch, batch_id=said["batch_id"], cursor=begun, next_cursor=place.cursor)
                    limit = exchange.limit()
            return
        except XaseError as error:
            failure = error
        if not place.is_known:
            raise failure
        await exchange.pause(call, failure, attempt, limit)
        attempt += 1


async def _record_batches(exchange: AsyncExchange, call: wire.Call) -> AsyncGenerator[frames.Delivered, None]:
    reader = frames.Frames()
    async with aclosing(exchange.chunks(call)) as chunks:
        async for chunk in chunks:
            for each in reader.feed(chunk):
                yield each
    if not reader.is_complete:
        raise ConnectionLost("the stream ended in the middle")
