"""kill -9 while a webhook's message is on its way: it is sent again, and nothing behind it is lost."""

import sqlite3
from collections import deque
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.faults.server import Server
from tests.receiver import receiving

ENVIRONMENT = {"XASE_WEBHOOK_HTTP": "true", "XASE_WEBHOOK_NETWORKS": "127.0.0.0/8"}


def client(server: Server) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {server.key}"}
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=60)


def let_go(home: Path) -> None:
    """As if the minute were over for which the dead server holds its webhooks."""
    with closing(sqlite3.connect(home / "xase.db")) as database, database:
        database.execute("UPDATE webhook_cursors SET held_until_ms = 0")


@pytest.mark.slow
async def test_a_server_that_is_killed_while_it_sends_sends_again_and_loses_nothing(tmp_path):
    home = tmp_path / "home"
    server = Server.start(home, environment=ENVIRONMENT).wait_until_ready()
    async with receiving(answers=deque([None])) as receiver:
        async with client(server) as admin:
            webhook = {"url": receiver.url, "events": ["key_created"]}
            assert (await admin.post("/v1/webhooks", json=webhook)).status_code == 201
            for name in "abc":
                assert (await admin.post("/v1/keys", json={"name": name, "role": "auditor"})).status_code == 201
        await receiver.until(1)
        server.kill()
        let_go(home)
        server = Server.start(home, environment=ENVIRONMENT).wait_until_ready()
        await receiver.until(4)
        assert server.stop() == 0
    first, *later = receiver.ids
    assert later[0] == first
    assert len(set(later)) == 3
    assert receiver.received[0].body == receiver.received[1].body
