"""kill -9 while evidence bundles are being made: the next start makes every one that was asked for, once."""

import json
import random
import time
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.faults.server import Server, audit

pytestmark = pytest.mark.slow

RECORD = {"model_id": "m", "input": {"text": "x" * 2_000}, "output": {"ok": True}, "confidence": 0.5}
RECORDS = 600
PATIENCE = 120.0


def ask(server: Server, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith((b"{", b"[")) else content
    finally:
        connection.close()


def ended(server: Server, bundle: str) -> dict[str, Any]:
    """The bundle once it is no longer being made."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status, state = ask(server, "GET", f"/v1/evidence/bundles/{bundle}")
        assert status == 200, state
        if state["status"] != "PROCESSING":
            return state
        time.sleep(0.05)
    raise AssertionError(f"{bundle} is still being made")


@pytest.fixture
def filled(home):
    """A server that holds records enough for a bundle to take a while."""
    server = Server.start(home).wait_until_ready()
    for _ in range(RECORDS // 100):
        assert ask(server, "POST", "/v1/records/batch", [RECORD] * 100)[0] == 201
    return server


def again(server: Server, *options: str) -> Server:
    """The server killed, and another on the same home."""
    server.kill()
    return Server.start(server.home, *options).wait_until_ready()


def wanted(server: Server, **wish: str) -> str:
    status, made = ask(server, "POST", "/v1/evidence/bundles", {"model_id": "m", **wish})
    assert (status, made["status"]) == (200, "PROCESSING")
    return str(made["bundle_id"])


def test_what_was_being_made_when_the_server_was_killed_is_made_by_the_next_or_says_why_not(filled, full):
    chance, server, asked = random.Random(), filled, []
    for number in range(12 if full else 1):
        asked.append(wanted(server, format="pdf" if number % 2 else "standard", purpose=f"round {number}"))
        time.sleep(chance.uniform(0, 0.3))
        server = again(server)
    for bundle in asked:
        state = ended(server, bundle)
        assert (state["status"], state["record_count"]) == ("READY", RECORDS)
        verdict = ask(server, "POST", "/v1/evidence/verify", {"bundle_id": bundle})[1]
        assert verdict["verification"]["valid"], verdict
    listed = ask(server, "GET", "/v1/evidence/bundles")[1]["data"]
    assert sorted(each["bundle_id"] for each in listed) == sorted(asked), "each was made once"

    too_small = ("--max-bundle-records", "10")
    server = again(server, *too_small)
    impossible = wanted(server)
    server = again(server, *too_small)
    state = ended(server, impossible)
    assert (state["status"], state["error"]["code"]) == ("FAILED", "validation_error")
    assert server.stop() == 0
    done = audit(server.home)
    assert done.returncode == 0, done.stdout + done.stderr
