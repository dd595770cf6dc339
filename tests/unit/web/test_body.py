"""Reading a body: at once where it is there, within its time where it is not."""

import asyncio

import pytest

from xase_server.domain.errors import Refused
from xase_server.web.body import ClientGone, read_body

LATE = 3600.0


class Connection:
    """Gives its messages in turn; None waits until the test lets it go on."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.waits = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def __call__(self):
        message = self.messages.pop(0)
        if message is None:
            self.waits.set()
            await self.may_go_on.wait()
            message = self.messages.pop(0)
        return message


def piece(body, *, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def read(connection, *, seconds=LATE, limit=100):
    return read_body(connection, {}, limit=limit, seconds=seconds)


async def test_a_body_that_is_there_is_read_without_waiting():
    reading = read(Connection(piece(b"ab", more=True), piece(b"c")))
    with pytest.raises(StopIteration) as done:
        reading.send(None)
    assert done.value.value == b"abc"


async def test_a_body_that_comes_later_is_waited_for():
    connection = Connection(piece(b"a", more=True), None, piece(b"b", more=True), piece(b"c"))
    reading = asyncio.create_task(read(connection))
    await connection.waits.wait()
    connection.may_go_on.set()
    assert await reading == b"abc"


async def test_a_body_that_does_not_come_in_time_is_refused():
    with pytest.raises(Refused) as refused:
        await read(Connection(None), seconds=0)
    assert refused.value.kind.slug == "request_timeout"


async def test_a_caller_that_leaves_while_waited_for_is_noticed():
    connection = Connection(None, {"type": "http.disconnect"})
    reading = asyncio.create_task(read(connection))
    await connection.waits.wait()
    connection.may_go_on.set()
    with pytest.raises(ClientGone):
        await reading


async def test_reading_can_be_cancelled():
    connection = Connection(None)
    reading = asyncio.create_task(read(connection))
    await connection.waits.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_body_beyond_the_limit_is_refused_where_it_is_there_and_where_it_comes_later():
    for messages in ((piece(b"a" * 101),), (piece(b"a", more=True), None, piece(b"a" * 100))):
        connection = Connection(*messages)
        connection.may_go_on.set()
        with pytest.raises(Refused) as refused:
            await read(connection)
        assert refused.value.kind.slug == "payload_too_large"
