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


def test_a_bundle_that_was_being_made_when_the_server_was_killed_is_made_by_the_next(filled, full):
    chance, server, asked = random.Random(), filled, []
    for number in range(12 if full else 2):
        wish = {"model_id": "m", "format": "pdf" if number % 2 else "standard", "purpose": f"round {number}"}
        status, made = ask(server, "POST", "/v1/evidence/bundles", wish)
        assert (status, made["status"]) == (200, "PROCESSING")
        asked.append(made["bundle_id"])
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        server = Server.start(filled.home).wait_until_ready()
    for bundle in asked:
        state = ended(server, bundle)
        assert (state["status"], state["record_count"]) == ("READY", RECORDS)
        verdict = ask(server, "POST", "/v1/evidence/verify", {"bundle_id": bundle})[1]
        assert verdict["verification"]["valid"], verdict
    listed = ask(server, "GET", "/v1/evidence/bundles")[1]["data"]
    assert sorted(each["bundle_id"] for each in listed) == sorted(asked), "each was made once"
    assert server.stop() == 0
    done = audit(filled.home)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bundle_that_cannot_be_made_says_so_after_a_kill_too(filled):
    server = Server.start(filled.home, "--max-bundle-records", "10")
    filled.kill()
    server.wait_until_ready()
    made = ask(server, "POST", "/v1/evidence/bundles", {"model_id": "m"})[1]["bundle_id"]
    server.kill()
    server = Server.start(filled.home, "--max-bundle-records", "10").wait_until_ready()
    state = ended(server, made)
    assert (state["status"], state["error"]["code"]) == ("FAILED", "validation_error")
    server.kill()
    server = Server.start(filled.home, "--max-bundle-records", "10").wait_until_ready()
    assert ask(server, "GET", f"/v1/evidence/bundles/{made}")[1]["status"] == "FAILED"
