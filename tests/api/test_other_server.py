"""The application under another ASGI server: nothing of it may depend on uvicorn."""

import os
import signal
import socket
import subprocess
import sys

import httpx2
import pytest

from tests.api.conftest import DECISION
from tests.conftest import REPOSITORY


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    raise AssertionError("the server ended before it listened")


@pytest.fixture(scope="module")
def granian(tmp_path_factory):
    """A client of the application under granian."""
    home, port = tmp_path_factory.mktemp("granian") / "home", free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-log", "--factory", "tests.api.served:make"],
        cwd=REPOSITORY,
        env=os.environ | {"XASE_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(port, process)
    headers = {"authorization": f"Bearer {(home / 'admin.key').read_text().strip()}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client:
        yield client
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.mark.slow
def test_the_application_works_under_granian(granian):
    created = granian.post("/v1/records?receipt=true", json=DECISION, headers={"Idempotency-Key": "k"})
    again = granian.post("/v1/records", json=DECISION, headers={"Idempotency-Key": "k"})
    assert (created.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    path = f"/v1/records/{created.json()['id']}"
    found = granian.get(path)
    assert found.json() == again.json()
    assert granian.get(path, headers={"if-none-match": found.headers["etag"]}).status_code == 304
    assert granian.head(path).headers["content-length"] == found.headers["content-length"]


@pytest.mark.slow
def test_bundles_stream_under_granian(granian):
    record = granian.post("/v1/records", json=DECISION).json()
    wish = {"record_ids": [record["id"]]}
    bundle = granian.post("/v1/evidence/bundles", json=wish).json()
    while bundle["status"] == "PROCESSING":
        bundle = granian.get(f"/v1/evidence/bundles/{bundle['bundle_id']}").json()
    assert len(granian.get(bundle["download_url"]).content) == bundle["size"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/v1/records", b"{", 400),
        ("POST", "/v1/records", b" " * 5_000_000, 413),
        ("PUT", "/v1/records", b"{}", 405),
        ("GET", "/nowhere", None, 404),
        ("GET", "/%ff%fe", None, 404),
        ("GET", "/v1/records?limit=0", None, 400),
    ],
)
def test_refusals_are_the_same_under_granian(granian, method, path, content, status):
    answer = granian.request(method, path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
