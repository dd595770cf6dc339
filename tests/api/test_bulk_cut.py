"""What happens while a bulk answer runs, in each of its forms: the table of docs/spec/api.md, section 6."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.api.conftest import NDJSON as LINES
from tests.api.conftest import Site
from tests.api.sessions import make_dataset, make_policy, open_session
from tests.api.streaming import ARROW, CSV, NDJSON, Streamed
from tests.contract.logs import HandClock
from xase_server.ports import StorageUnavailable

ROWS = [{"record_id": f"r{n:02d}", "person": f"p{n}", "n": n} for n in range(40)]
IDS = [row["record_id"] for row in ROWS]
BATCH = 10
MEDIA = (ARROW, NDJSON, CSV)
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def site(open_site):
    site = open_site(rate_limit=0, clock=HandClock())
    yield site
    asyncio.run(site.app.close())


@dataclass
class Running:
    """A lab's session with an answer in each form under way; none has sent its first piece yet."""

    site: Site
    holder: httpx2.AsyncClient
    lab: httpx2.AsyncClient
    dataset: str
    policy: str
    session: str
    streams: list[Streamed]

    async def ended(self) -> list[Streamed]:
        return [await stream.ended() for stream in self.streams]

    async def events(self) -> list[Any]:
        return (await self.lab.get(f"/v1/sessions/{self.session}/events", params={"limit": 100})).json()["data"]

    async def next_page(self, **query: Any) -> httpx2.Response:
        return await self.lab.get(f"/v1/sessions/{self.session}/stream", params={"batch_size": 100} | query)


@contextlib.asynccontextmanager
async def running(site: Site) -> AsyncIterator[Running]:
    async with site.client() as holder, site.client(site.stranger) as lab:
        policy = await make_policy(holder)
        dataset = (await make_dataset(holder, ROWS, policy_id=policy, subject_field="person"))["dataset_id"]
        session = await open_session(lab, dataset)
        streams = [Streamed(site, session, media, secret=site.stranger, batch_size=BATCH) for media in MEDIA]
        yield Running(site, holder, lab, dataset, policy, session, [await each.begun() for each in streams])


async def change(client: httpx2.AsyncClient, method: str, path: str, body: Any = None, **options: Any) -> None:
    answer = await client.request(method, path, json=body, **options)
    assert answer.status_code in {200, 201, 204}, answer.text


def assert_cut(streams: list[Streamed]) -> None:
    """Each ended short, behind whole batches: the one that was being sent, and one more at most."""
    for stream in streams:
        assert (stream.status, stream.whole) == (200, False), stream.media
        assert stream.records in (IDS[:BATCH], IDS[: 2 * BATCH]), stream.media


async def assert_no_release_follows(run: Running, ending: str | None) -> None:
    """All that came had been released, and nothing was after the end."""
    types = [event["type"] for event in await run.events()]
    came = sum(len(stream.records) for stream in run.streams) // BATCH
    assert came <= types.count("release") <= 2 * len(MEDIA)
    if ending is not None:
        assert types[-1] == ending


async def revoke(run: Running) -> None:
    await change(run.holder, "POST", f"/v1/access/{run.session}/revoke", {})


async def close(run: Running) -> None:
    await change(run.lab, "POST", f"/v1/sessions/{run.session}/close", {})


async def expire(run: Running) -> None:
    clock = run.site.app.core.clock
    assert isinstance(clock, HandClock)
    clock.ms += 31 * DAY_MS


@pytest.mark.parametrize(
    ("end", "entry", "code"),
    [
        (revoke, "access_revoked", "access_revoked"),
        (close, "session_closed", "session_closed"),
        (expire, None, "session_expired"),
    ],
)
async def test_an_ending_cuts_and_no_release_follows_it(site, end, entry, code):
    async with running(site) as run:
        await end(run)
        assert_cut(await run.ended())
        await assert_no_release_follows(run, entry)
        assert (await run.next_page()).json()["error"]["code"] == code


async def test_a_stricter_policy_cuts_and_the_cursor_goes_on_under_its_terms(site):
    async with running(site) as run:
        rule = {"id": "all", "effect": "permit", "constrain": {"deny_fields": ["n"], "row_filter": {"n": {"$ne": 35}}}}
        await change(run.holder, "PUT", f"/v1/policies/{run.policy}", {"name": "stricter", "rules": [rule]})
        assert_cut(await run.ended())
        arrow = run.streams[0]
        rest = (await run.next_page(cursor=arrow.cursor)).json()["batch"]
        assert [row["record_id"] for row in rest] == [each for each in IDS[len(arrow.records) :] if each != "r35"]
        assert {name for row in rest for name in row} == {"record_id", "person"}


async def test_a_ledger_that_cannot_be_written_cuts_and_the_cursor_goes_on(site, monkeypatch):
    def broken():
        raise StorageUnavailable("the disk is full")

    async with running(site) as run:
        with monkeypatch.context() as patch:
            patch.setattr(site.app.core.storage, "begin", broken)
            assert_cut(await run.ended())
            assert (await run.next_page()).json()["error"]["code"] == "unavailable"
        arrow = run.streams[0]
        rest = (await run.next_page(cursor=arrow.cursor)).json()["batch"]
        assert arrow.records + [row["record_id"] for row in rest] == IDS


async def test_who_withdraws_is_gone_from_the_next_batch_that_is_released(site):
    async with running(site) as run:
        address = f"/v1/datasets/{run.dataset}/subjects/withdraw"
        await change(run.holder, "POST", address, {"subject": "p25", "reason": "asked"})
        for stream in await run.ended():
            assert (stream.whole, stream.records) == (True, [each for each in IDS if each != "r25"]), stream.media


async def archive(run: Running) -> None:
    await change(run.holder, "DELETE", f"/v1/datasets/{run.dataset}")


async def new_version(run: Running) -> None:
    line = b'{"record_id": "later", "person": "p99", "n": 99}\n'
    answer = await run.holder.put(f"/v1/datasets/{run.dataset}/data", content=line, headers=LINES, timeout=60)
    assert answer.json()["version"] == 2


@pytest.mark.parametrize("happening", [archive, new_version])
async def test_an_answer_goes_on_in_the_version_that_it_began_with(site, happening):
    async with running(site) as run:
        await happening(run)
        for stream in await run.ended():
            assert (stream.whole, stream.records) == (True, IDS), stream.media


async def test_a_caller_that_leaves_stops_it_with_one_batch_more_at_most(site):
    async with running(site) as run:
        for stream in run.streams:
            await stream.left()
        assert [stream.records for stream in run.streams] == [[], [], []]
        await assert_no_release_follows(run, None)
        assert len((await run.next_page()).json()["batch"]) == len(IDS)
