"""A whole server in this process."""

import asyncio
import json
import threading
from importlib.metadata import EntryPoint, EntryPoints
from uuid import uuid4

import httpx2
import pytest

import xase
from xase._client import local
from xase._client.inprocess import LocalTransport


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("local") / "home"


def test_a_local_client_does_everything_without_a_port(home, decision):
    with xase.Client.local(home) as client:
        record = client.records.create(**decision)
        assert client.records.prove(record.id).hash == record.hash
        assert client.whoami().role == "admin"
        bundle = client.evidence.export(record_ids=[record.id])
        assert bundle.verify().verified
        client.records.capture(**decision)
        assert client.records.flush(timeout=60) == 0


async def test_the_asynchronous_client_does_too(home, decision):
    async with xase.AsyncClient.local(home) as client:
        record = await client.records.create(**decision)
        assert (await client.records.prove(record.id)).hash == record.hash
        client.records.capture(**decision)
        assert await client.records.flush(timeout=60) == 0


def test_what_was_recorded_is_there_the_next_time(home, decision):
    with xase.Client.local(home) as client:
        record = client.records.create(**decision)
    with xase.Client.local(home) as again:
        assert again.records.get(record.id) == record


def test_closing_ends_every_thread(home):
    before = set(threading.enumerate())
    with xase.Client.local(home) as client:
        client.whoami()
    client.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("xase")]


def test_threads_share_a_local_client(home, decision):
    with xase.Client.local(home) as client:
        threads = [threading.Thread(target=client.records.create, kwargs=decision) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.records.list(model_id=decision["model_id"]).total == 8


def test_options_are_the_clients(home, tmp_path):
    with xase.Client.local(home, checkpoint_store=tmp_path / "seen.json", max_retries=0) as client:
        client.ledger.checkpoint()
    assert (tmp_path / "seen.json").exists()


def made(client, rows=300):
    """The name of a dataset in the client's server."""
    exchange = client._exchange
    key, address = {"authorization": f"Bearer {exchange.config.api_key}"}, exchange.config.base_url
    made = exchange._http.post(f"{address}/datasets", json={"name": f"data-{uuid4().hex[:8]}"}, headers=key).json()
    lines = "".join(json.dumps({"record_id": f"rec_{n}", "n": n}) + "\n" for n in range(rows))
    headers = {**key, "content-type": "application/x-ndjson"}
    exchange._http.put(f"{address}/datasets/{made['dataset_id']}/data", content=lines, headers=headers)
    return made["name"]


def test_answers_come_as_they_are_made(home):
    with xase.Client.local(home) as client, client.access(dataset=made(client), purpose="analysis") as session:
        with session.events(follow=True) as events:
            assert next(events).type == "session_opened"
            session.filter({"n": 1})
            assert next(events).type == "release"
        with session.stream(batch_size=1, prefetch=0) as stream:
            next(stream)
        released = [event for event in session.events() if event.type == "release"]
        assert len(released) < 300
        assert sum(len(batch) for batch in session.stream(batch_size=7)) == 300


async def test_they_do_for_the_asynchronous_client_too(home):
    with xase.Client.local(home) as maker:
        name = made(maker)
    async with xase.AsyncClient.local(home) as client:
        session = await client.access(dataset=name, purpose="analysis")
        async with session.events(follow=True) as events:
            assert (await anext(events)).type == "session_opened"
            assert sum([len(batch) async for batch in session.stream(batch_size=70)]) == 300
            assert (await anext(events)).type == "release"


async def test_an_application_that_breaks_off_is_a_broken_connection():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    loop = asyncio.get_running_loop()
    async with httpx2.AsyncClient(transport=LocalTransport(app, loop)) as http:
        with pytest.raises(httpx2.ReadError):
            await http.get("http://host/")


async def test_an_application_without_an_answer_is_a_server_error():
    async def app(scope, receive, send):
        raise RuntimeError

    async with httpx2.AsyncClient(transport=LocalTransport(app, asyncio.get_running_loop())) as http:
        assert (await http.get("http://host/")).status_code == 500


NOT_INSTALLED = {
    "no entry point": EntryPoints(),
    "its packages are missing": EntryPoints([EntryPoint("server", "no_such_package.app:local", local.GROUP)]),
}


@pytest.mark.parametrize("found", NOT_INSTALLED.values(), ids=NOT_INSTALLED.keys())
def test_without_the_server_packages_it_says_what_to_install(monkeypatch, tmp_path, found):
    monkeypatch.setattr(local, "entry_points", found.select)
    with pytest.raises(xase.ConfigurationError, match=r"pip install \"xase\[server\]\""):
        xase.Client.local(tmp_path)


def test_a_server_that_does_not_start_leaves_nothing_behind(tmp_path):
    before = set(threading.enumerate())
    home = tmp_path / "home"
    home.write_text("a file where a folder should be")
    with pytest.raises(xase.ConfigurationError, match="no server starts"):
        xase.Client.local(home)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("xase")]


def test_a_restored_old_copy_is_noticed(tmp_path, decision):
    import shutil

    home, copy, store = tmp_path / "home", tmp_path / "copy", tmp_path / "seen.json"
    with xase.Client.local(home) as client:
        client.records.create(**decision)
    shutil.copytree(home, copy)
    with xase.Client.local(home, checkpoint_store=store) as client:
        client.records.create(**decision)
        client.ledger.checkpoint()
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    with xase.Client.local(home, checkpoint_store=store) as client:
        with pytest.raises(xase.LedgerTruncated):
            client.ledger.checkpoint()
        client.records.create(**decision)
        client.records.create(**decision)
        with pytest.raises(xase.LedgerForked):
            client.ledger.checkpoint()
