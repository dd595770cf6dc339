"""A whole server in this process."""

import threading
from importlib.metadata import EntryPoint, EntryPoints

import pytest

import xase
from xase._client import local


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
    with xase.Client.local(home) as client:
        client.whoami()
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("xase")]


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
    home = tmp_path / "home"
    home.write_text("a file where a folder should be")
    with pytest.raises(xase.ConfigurationError, match="no server starts"):
        xase.Client.local(home)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("xase")]


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
