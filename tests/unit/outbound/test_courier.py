"""One message on its way, against a real receiver."""

import asyncio
import socket
from collections import deque
from ipaddress import ip_network

import pytest

from tests.receiver import answer, listening, receiving
from xase_server.outbound import HttpCourier
from xase_server.ports import Received, Undelivered

LOCAL = (ip_network("127.0.0.0/8"),)


def courier(**options) -> HttpCourier:
    return HttpCourier(**({"plain": True, "allowed": LOCAL} | options))


async def failure_of(sending) -> str:
    with pytest.raises(Undelivered) as caught:
        await sending
    return caught.value.failure


async def test_a_message_arrives_as_it_was_sent():
    async with receiving() as receiver:
        assert await courier().post(receiver.url, {"webhook-id": "msg_1"}, b'{"a":1}') == Received(200)
    (message,) = receiver.received
    assert message.line == "POST /hook?of=test HTTP/1.1"
    assert message.body == b'{"a":1}'
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.headers["webhook-id"] == "msg_1"


async def test_a_redirect_is_not_followed():
    async with receiving() as other, receiving(answers=deque([answer(302, f"Location: {other.url}")])) as receiver:
        assert (await courier().post(receiver.url, {}, b"{}")).status == 302
    assert other.received == []


async def test_what_the_receiver_asks_for_is_heard():
    said = answer(503, "retry-after:  120 ")
    async with receiving(answers=deque([said])) as receiver:
        received = await courier().post(receiver.url, {}, b"{}")
    assert (received.status, received.retry_after.strip()) == (503, "120")


async def test_interim_answers_are_passed_over():
    async with receiving(answers=deque([b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(204)])) as receiver:
        assert (await courier().post(receiver.url, {}, b"{}")).status == 204


async def test_of_a_huge_answer_little_is_read():
    async with receiving(answers=deque([answer(200, body=b"x" * (8 << 20))])) as receiver:
        assert (await courier().post(receiver.url, {}, b"{}")).status == 200


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00\x01\x02",
        b"SSH-2.0-Open\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 9000,
    ],
    ids=["nothing", "noise", "another protocol", "no status", "an endless head"],
)
async def test_an_answer_that_is_not_http_is_none(said):
    async with receiving(answers=deque([said])) as receiver:
        assert await failure_of(courier().post(receiver.url, {}, b"{}")) == "answer"


async def test_a_receiver_that_does_not_answer_is_left():
    async with receiving(answers=deque([None])) as receiver:
        assert await failure_of(courier(seconds=0.05).post(receiver.url, {}, b"{}")) == "timeout"


async def test_a_receiver_that_answers_drop_by_drop_is_left():
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with listening(drip) as port:
        assert await failure_of(courier(seconds=0.05).post(f"http://127.0.0.1:{port}/", {}, b"{}")) == "timeout"


async def test_nobody_there_is_told_apart():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert await failure_of(courier().post(f"http://127.0.0.1:{port}/", {}, b"{}")) == "connection"


async def test_a_receiver_without_tls_is_told_apart():
    async def answers_plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200))
        await writer.drain()

    async with listening(answers_plainly) as port:
        assert await failure_of(courier().post(f"https://127.0.0.1:{port}/", {}, b"{}")) == "tls"


async def test_the_connection_goes_to_the_address_that_was_judged():
    """A name that led outside when it was judged, and inside a moment later, leads nowhere."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with receiving() as receiver:
        url = f"http://hooks.example.invalid:{receiver.port}/"  # the system knows no such name
        assert (await courier(resolve=rebinding).post(url, {}, b"{}")).status == 200
    assert asked == ["hooks.example.invalid"], "resolved once: there is no second look-up to be lied to"
    assert receiver.received[0].headers["host"] == f"hooks.example.invalid:{receiver.port}"


async def test_an_address_is_judged_at_each_message():
    async with receiving() as receiver:
        assert await failure_of(courier(allowed=()).post(receiver.url, {}, b"{}")) == "address"
    assert receiver.received == []
