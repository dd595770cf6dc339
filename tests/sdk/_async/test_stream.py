"""Streams without a server: pages and Arrow, reading ahead, breaks, and where errors surface."""

import gc
import threading
from collections.abc import AsyncIterator

import httpx2
import pytest

import xase
from tests.sdk.dataroom import ARROW, ROWS, STATE, DataRoom, refused
from xase import AsyncClient
from xase._client.colour import async_sleep
from xase.models import SessionState

IDS = [row["record_id"] for row in ROWS]


@pytest.fixture
def pauses(monkeypatch):
    """How long the client would have waited; it does not."""
    kept = []

    async def keep(seconds):
        kept.append(seconds)

    monkeypatch.setattr("xase._client._async.exchange.async_sleep", keep)
    return kept


@pytest.fixture
def as_json(monkeypatch):
    """As if pyarrow were not installed."""
    monkeypatch.setattr("xase._client._async.session.find_spec", lambda _: None)


@pytest.fixture
def room():
    return DataRoom()


@pytest.fixture
async def session(room):
    """A session of a client that speaks to the room; how it answers Arrow can be put in its place."""
    async with AsyncClient(api_key="k", base_url="http://host", transport=httpx2.MockTransport(room)) as client:
        yield client.sessions.of(SessionState(STATE))


class Pieces(httpx2.AsyncByteStream):
    """A body in pieces, of which an exception is the break; notes when it is closed."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.given = 0
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            self.given += 1
            yield piece

    async def aclose(self) -> None:
        self.is_closed = True


def arrow_of(*pieces):
    return httpx2.Response(200, headers={"content-type": ARROW}, stream=Pieces(*pieces))


async def ids(stream):
    return [record_id async for batch in stream for record_id in batch.record_ids]


async def collect(stream, came):
    async for batch in stream:
        came += batch.record_ids


# ---------------------------------------------------------------- pages


async def test_json_pages_are_followed_by_cursor_alone(as_json, session, room):
    filter = {"age": {"$gte": 50}}
    stream = session.stream(batch_size=4, filter=filter, fields=["age", "lab_results.glucose"], sort={"age": -1})
    assert await ids(stream) == IDS
    assert room.asked == [
        {
            "filter": '{"age":{"$gte":50}}',
            "fields": "age,lab_results.glucose",
            "sort": '{"age":-1}',
            "batch_size": "4",
        },
        {"cursor": "cursor_4", "batch_size": "4"},
        {"cursor": "cursor_8", "batch_size": "4"},
    ]


async def test_a_shuffle_is_asked_for_with_its_seed_and_epoch(as_json, session, room):
    await ids(session.stream(order="shuffle", seed=7, epoch=2))
    assert room.asked == [{"order": "shuffle", "seed": "7", "epoch": "2", "batch_size": "32"}]


async def test_a_batch_knows_its_place(as_json, session):
    first, second, third = [batch async for batch in session.stream(batch_size=4)]
    assert [batch.batch_id for batch in (first, second, third)] == ["batch_0", "batch_4", "batch_8"]
    assert (first.cursor, first.next_cursor, third.cursor, third.next_cursor) == (None, "cursor_4", "cursor_8", None)
    assert [len(first), len(second), len(third)] == [4, 4, 2]
    assert (first.has_more, third.has_more) == (True, False)


@pytest.mark.parametrize("prefetch", [0, 1, 3])
async def test_a_stream_goes_on_where_another_one_stood(as_json, session, prefetch):
    stream = session.stream(batch_size=3, prefetch=prefetch)
    begun = [(await anext(stream)).record_ids, (await anext(stream)).record_ids]
    await stream.aclose()
    rest = await ids(session.stream(batch_size=2, cursor=stream.cursor, prefetch=prefetch))
    assert [*begun[0], *begun[1], *rest] == IDS


@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_never_more_pages_are_asked_for_than_were_allowed(as_json, session, room, depth):
    taken = 0
    async for _ in session.stream(batch_size=1, prefetch=depth):
        taken += 1
        for _ in range(20):
            await async_sleep(0.001)
            assert len(room.asked) <= taken + depth
        assert len(room.asked) == min(taken + depth, len(ROWS))


async def test_a_lost_page_is_asked_for_again(as_json, session, room, pauses):
    room.faults = {0: [refused(503, "unavailable")], 4: [httpx2.ReadError("reset"), httpx2.ReadTimeout("slow")]}
    assert await ids(session.stream(batch_size=4)) == IDS
    assert len(pauses) == 3


async def test_the_servers_wish_to_wait_is_honoured(as_json, session, room, pauses):
    room.faults = {4: [refused(429, "rate_limit_exceeded", **{"retry-after": "9"})]}
    assert await ids(session.stream(batch_size=4)) == IDS
    assert 9 <= pauses[0] < 10


ENDS = {
    "session_expired": xase.SessionExpired,
    "access_revoked": xase.AccessRevoked,
    "session_closed": xase.SessionClosed,
    "quota_exceeded": xase.QuotaExceeded,
}


@pytest.mark.parametrize(("slug", "kind"), ENDS.items())
@pytest.mark.parametrize("depth", [0, 1, 5])
async def test_an_end_is_raised_in_its_place_and_not_repeated(as_json, session, room, pauses, slug, kind, depth):
    room.faults = {8: [refused(403, slug)]}
    came: list[str] = []
    with pytest.raises(kind):
        await collect(session.stream(batch_size=4, prefetch=depth), came)
    assert (came, pauses) == (IDS[:8], [])


async def test_leaving_early_ends_the_reading_ahead(as_json, session, room):
    async for _ in session.stream(batch_size=1, prefetch=2):
        break
    gc.collect()
    await async_sleep(0.01)
    asked = len(room.asked)
    await async_sleep(0.01)
    assert len(room.asked) == asked <= 3
    assert not [thread for thread in threading.enumerate() if thread.name == "xase-ahead"]


async def test_a_server_whose_pages_never_end_is_refused(as_json, session, room):
    page = {"batch": ROWS[:1], "batch_id": "batch_0", "has_more": True, "next_cursor": "cursor_1"}
    room.faults = {1: [httpx2.Response(200, json=page)]}
    with pytest.raises(xase.UnexpectedAnswer):
        await ids(session.stream(batch_size=1))


@pytest.mark.parametrize("answer", [[], {}, {"batch": None, "batch_id": "b"}, {"batch": []}])
async def test_what_is_no_batch_is_an_unexpected_answer(as_json, session, room, answer):
    room.faults = {0: [httpx2.Response(200, json=answer)]}
    with pytest.raises(xase.UnexpectedAnswer):
        await ids(session.stream())


# ---------------------------------------------------------------- Arrow


async def test_arrow_comes_in_one_answer_and_reads_like_json(session, room, monkeypatch):
    monkeypatch.setattr(room, "bulk", lambda request: arrow_of(*room.arrow(request)))
    batches = [batch async for batch in session.stream(batch_size=4)]
    assert len(room.asked) == 1
    assert [batch.batch_id for batch in batches] == ["batch_0", "batch_4", "batch_8"]
    assert [record.to_dict() for batch in batches for record in batch] == ROWS
    assert batches[0][1].lab_results.glucose == 201
    assert [batch.next_cursor for batch in batches] == ["cursor_4", "cursor_8", None]


async def test_computed_fields_come_as_json(session, room):
    assert await ids(session.stream(fields={"age": {"$add": ["$age", 1]}})) == IDS
    assert room.asked == [{"fields": '{"age":{"$add":["$age",1]}}', "batch_size": "32"}]


async def test_the_chunks_of_the_network_do_not_matter(session, room):
    def bulk(request):
        whole = b"".join(room.arrow(request))
        return arrow_of(*(whole[at : at + 7] for at in range(0, len(whole), 7)))

    room.bulk = bulk
    assert await ids(session.stream(batch_size=3)) == IDS


@pytest.mark.parametrize("depth", [0, 1, 9])
async def test_a_broken_arrow_stream_goes_on_without_losing_or_repeating(session, room, pauses, depth):
    breaks = iter([1, 2, 0, 1])

    def bulk(request):
        pieces = room.arrow(request)
        whole = next(breaks, None)
        if whole is None:
            return arrow_of(*pieces)
        return arrow_of(*pieces[:whole], pieces[whole][:30], httpx2.ReadError("reset"))

    room.bulk = bulk
    assert await ids(session.stream(batch_size=2, prefetch=depth)) == IDS
    assert [query.get("cursor") for query in room.asked] == [None, "cursor_2", "cursor_6", "cursor_6", "cursor_8"]
    assert len(pauses) == 4


async def test_a_stream_without_its_end_mark_goes_on(session, room, pauses):
    answers = iter([slice(0, 2), slice(None)])
    room.bulk = lambda request: arrow_of(*room.arrow(request)[next(answers)])
    assert await ids(session.stream(batch_size=4)) == IDS
    assert len(room.asked) == 2


async def test_a_break_behind_the_last_batch_is_the_end(session, room, pauses):
    room.bulk = lambda request: arrow_of(*room.arrow(request)[:-1], httpx2.ReadError("reset"))
    assert await ids(session.stream(batch_size=4)) == IDS
    assert len(room.asked) == 1


async def test_without_positions_a_break_is_an_error_and_no_repetition(session, room, pauses):
    room.bulk = lambda request: arrow_of(*room.arrow(request, positions=False)[:2], httpx2.ReadError("reset"))
    came: list[str] = []
    with pytest.raises(xase.ConnectionLost):
        await collect(session.stream(batch_size=4), came)
    assert came == IDS[:8]


async def test_a_revocation_in_the_middle_of_a_stream_surfaces_behind_what_came(session, room, pauses):
    answers = iter(
        [lambda pieces: arrow_of(*pieces[:1], httpx2.ReadError("cut")), lambda _: refused(403, "access_revoked")]
    )
    room.bulk = lambda request: next(answers)(room.arrow(request))
    came: list[str] = []
    with pytest.raises(xase.AccessRevoked):
        await collect(session.stream(batch_size=4), came)
    assert came == IDS[:4]


async def test_it_gives_up_after_as_many_retries_without_a_batch_as_allowed(session, room, pauses):
    room.bulk = lambda request: arrow_of(httpx2.ReadError("reset"))
    with pytest.raises(xase.ConnectionLost):
        await ids(session.stream())
    assert len(pauses) == 4


async def test_leaving_an_arrow_stream_early_frees_its_connection(session, room):
    bodies = []

    def bulk(request):
        answer = arrow_of(*room.arrow(request))
        bodies.append(answer.stream)
        return answer

    room.bulk = bulk
    async with session.stream(batch_size=1, prefetch=2) as stream:
        await anext(stream)
    (body,) = bodies
    assert body.is_closed
    assert body.given <= 4


@pytest.mark.parametrize(
    "answer",
    [
        lambda: arrow_of(b"<html>Welcome</html>"),
        lambda: httpx2.Response(200, text="<html>"),
        lambda: arrow_of(b"\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ],
    ids=["not Arrow", "a page", "a length beyond all bounds"],
)
async def test_what_is_no_arrow_stream_is_an_unexpected_answer(session, room, answer):
    room.bulk = lambda request: answer()
    with pytest.raises(xase.UnexpectedAnswer):
        await ids(session.stream())
