"""What the client does when the network or the server fails; the fault is forced in the transport."""

import logging
import socket
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx2
import pytest

import xase
from xase import AsyncClient

ANSWER = {"id": "rec_8a7f3b2c4d5e6f7a", "model_id": "m", "interventions": []}
DECISION = {"model_id": "m", "input": {"name": "Ada Lovelace"}, "output": {}}


def created():
    return httpx2.Response(201, json=ANSWER)


def failed(status, slug="", **headers):
    error = {"type": slug, "code": slug, "message": "no", "request_id": "req_1"}
    return httpx2.Response(status, json={"error": error}, headers=headers)


class Script:
    """Answers requests with its steps in order; a step is an answer or an exception. Keeps what was asked."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture
def pauses(monkeypatch):
    """How long the client would have waited; it does not."""
    kept = []

    async def keep(seconds):
        kept.append(seconds)

    monkeypatch.setattr("xase._client._async.exchange.async_sleep", keep)
    return kept


def client_of(script, **options):
    transport = httpx2.MockTransport(script)
    return AsyncClient(api_key="xase_pk_secret", base_url="http://host", transport=transport, **options)


PASSING = {
    "unavailable": lambda: failed(503, "unavailable"),
    "a defect": lambda: failed(500, "internal_error"),
    "a gateway": lambda: httpx2.Response(502, text="<html>Bad gateway</html>"),
    "still running": lambda: failed(409, "idempotency_in_progress"),
    "too slow": lambda: failed(408, "request_timeout"),
    "too many": lambda: failed(429, "rate_limit_exceeded"),
    "no connection": lambda: httpx2.ConnectError("refused"),
    "a dropped answer": lambda: httpx2.ReadError("reset"),
    "an answer cut off": lambda: httpx2.RemoteProtocolError("incomplete"),
    "a timeout": lambda: httpx2.ReadTimeout("slow"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_passing_fault_is_repeated_with_the_same_key_and_body(pauses, fault):
    script = Script(fault(), fault(), created())
    async with client_of(script) as client:
        record = await client.records.create(**DECISION)
    assert record.id == ANSWER["id"]
    assert len(pauses) == 2
    keys = {request.headers["idempotency-key"] for request in script.requests}
    bodies = {request.content for request in script.requests}
    assert (len(keys), len(bodies), len(script.requests)) == (1, 1, 3)


async def test_reads_are_repeated_too(pauses):
    script = Script(httpx2.ReadError("reset"), httpx2.Response(200, json=ANSWER))
    async with client_of(script) as client:
        assert (await client.records.get("rec_8a7f3b2c")).model_id == "m"
    assert "idempotency-key" not in script.requests[0].headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
async def test_a_lasting_refusal_is_raised_at_once(pauses, status):
    script = Script(failed(status))
    async with client_of(script) as client:
        with pytest.raises(xase.APIError) as caught:
            await client.records.create(**DECISION)
    assert (caught.value.status, caught.value.request_id, pauses) == (status, "req_1", [])


async def test_the_servers_wish_to_wait_is_honoured(pauses):
    script = Script(failed(429, "rate_limit_exceeded", **{"retry-after": "7"}), created())
    async with client_of(script) as client:
        await client.records.create(**DECISION)
    assert 7 <= pauses[0] < 8


async def test_a_wait_beyond_the_deadline_is_not_begun(pauses):
    script = Script(failed(429, "rate_limit_exceeded", **{"retry-after": "3600"}))
    async with client_of(script, deadline=10) as client:
        with pytest.raises(xase.RateLimitExceeded) as caught:
            await client.records.create(**DECISION)
    assert (caught.value.retry_after, pauses) == (3600, [])


async def test_it_gives_up_after_as_many_retries_as_allowed(pauses):
    script = Script(*[httpx2.ConnectError("refused") for _ in range(3)])
    async with client_of(script, max_retries=2) as client:
        with pytest.raises(xase.ConnectionFailed):
            await client.records.create(**DECISION)
    assert (len(pauses), script.steps) == (2, [])


async def test_pauses_grow(pauses):
    script = Script(*[failed(503) for _ in range(5)])
    async with client_of(script, max_retries=4) as client:
        with pytest.raises(xase.Unavailable):
            await client.whoami()
    assert all(first < second * 2 and second <= 4 * first for first, second in pairwise(pauses))
    assert pauses[-1] > pauses[0]


@pytest.fixture
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_silent_server_is_a_timeout(silent):
    async with AsyncClient(api_key="k", base_url=silent, timeout=0.05, max_retries=0) as client:
        with pytest.raises(xase.Timeout) as caught:
            await client.whoami()
    assert type(caught.value) is xase.Timeout


async def test_a_call_ends_at_its_deadline(silent):
    async with AsyncClient(api_key="k", base_url=silent, deadline=0.05) as client:
        with pytest.raises(xase.DeadlineExceeded):
            await client.whoami()


class Endless(httpx2.AsyncByteStream):
    """A body that never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "


async def test_a_trickling_answer_ends_at_the_deadline_too():
    async with client_of(Script(httpx2.Response(200, stream=Endless())), deadline=0.05) as client:
        with pytest.raises(xase.DeadlineExceeded):
            await client.whoami()


async def test_an_answer_without_end_is_not_kept(monkeypatch):
    monkeypatch.setattr("xase._client._async.exchange.MAX_ANSWER_BYTES", 1_000)
    async with client_of(Script(httpx2.Response(200, stream=Endless()))) as client:
        with pytest.raises(xase.UnexpectedAnswer):
            await client.whoami()


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>Welcome to the hotel's network</html>"),
        httpx2.Response(302, headers={"location": "https://login.example"}),
        httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(b"not gzip")),
    ],
    ids=["a page", "a redirect", "a broken encoding"],
)
async def test_what_is_not_this_api_is_an_unexpected_answer(pauses, answer):
    async with client_of(Script(answer)) as client:
        with pytest.raises(xase.UnexpectedAnswer):
            await client.whoami()
    assert pauses == []


async def test_the_log_names_no_key_and_no_content(pauses, caplog):
    caplog.set_level(logging.DEBUG, logger="xase")
    script = Script(httpx2.ReadError("reset"), failed(503), created())
    async with client_of(script) as client:
        await client.records.create(**DECISION)
    said = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("xase"))
    assert "POST /records" in said
    assert "secret" not in said
    assert "Ada" not in said


READY = {"bundle_id": "bundle_1", "status": "READY", "sha256": "sha256:" + "0" * 64}
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # SHA-256 of b"hello"


class Broken(httpx2.AsyncByteStream):
    """A body that breaks off."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"hel"
        raise httpx2.ReadError("reset")


def bundle_and(*downloads, sha256=HELLO):
    return Script(httpx2.Response(200, json={**READY, "sha256": f"sha256:{sha256}"}), *downloads)


async def test_a_broken_download_begins_again_and_ends_whole(pauses, tmp_path):
    script = bundle_and(httpx2.Response(200, stream=Broken()), failed(503), httpx2.Response(200, content=b"hello"))
    async with client_of(script) as client:
        file = await (await client.evidence.get("bundle_1")).download(tmp_path / "bundle.zip")
    assert file.read_bytes() == b"hello"
    assert [each.name for each in tmp_path.iterdir()] == ["bundle.zip"]


async def test_a_download_that_fails_leaves_what_was_there(pauses, tmp_path):
    file = tmp_path / "bundle.zip"
    file.write_bytes(b"before")
    script = bundle_and(httpx2.Response(200, stream=Broken()))
    async with client_of(script, max_retries=0) as client:
        with pytest.raises(xase.ConnectionLost):
            await (await client.evidence.get("bundle_1")).download(file)
    assert file.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["bundle.zip"]


async def test_a_download_of_other_bytes_is_refused(pauses, tmp_path):
    script = bundle_and(httpx2.Response(200, content=b"jello"))
    async with client_of(script) as client:
        with pytest.raises(xase.EvidenceError):
            await (await client.evidence.get("bundle_1")).download(tmp_path / "bundle.zip")
    assert list(tmp_path.iterdir()) == []


async def test_a_bundle_that_is_never_ready_is_not_waited_for_for_ever(monkeypatch):
    async def keep(seconds):
        pass

    monkeypatch.setattr("xase._client._async.evidence.async_sleep", keep)
    waiting = {"bundle_id": "bundle_1", "status": "PROCESSING"}
    script = Script(httpx2.Response(200, json=waiting))
    async with client_of(script) as client:
        bundle = await client.evidence.get("bundle_1")
        with pytest.raises(xase.DeadlineExceeded):
            await bundle.wait(timeout=0)


async def test_pages_that_never_end_are_refused(pauses):
    page = {"data": [ANSWER], "total": 9, "limit": 1, "offset": 0, "next_cursor": "same"}
    script = Script(*[httpx2.Response(200, json=page) for _ in range(2)])
    async with client_of(script) as client:
        with pytest.raises(xase.UnexpectedAnswer):
            [record async for record in await client.records.list()]


async def test_a_list_that_is_none_is_an_unexpected_answer(pauses):
    async with client_of(Script(httpx2.Response(200, json={"data": None}))) as client:
        with pytest.raises(xase.UnexpectedAnswer):
            await client.records.list()


async def test_entries_with_another_hash_than_named_are_refused(pauses):
    page = {"data": [{"index": 0, "hash": "sha256:" + "0" * 64, "entry": {"v": 1}}], "next_start": None, "size": 1}
    async with client_of(Script(httpx2.Response(200, json=page))) as client:
        with pytest.raises(xase.EvidenceError):
            [entry async for entry in client.ledger.entries()]
