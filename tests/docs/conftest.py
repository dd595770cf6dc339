"""A reader at a desk: an empty folder with the product installed, and a server running in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.reader import Reader

BIN = Path(sys.executable).parent
LISTENING = "Listening on http://"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader who has just typed the pages' first commands: the server runs with its home in `.xase`."""
    (tmp_path / ".venv").symlink_to(BIN.parent)
    for name in [name for name in os.environ if name.startswith("XASE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    command = [str(BIN / "xase-server"), "serve", "--home", ".xase", "--port", "0"]
    with (
        (tmp_path / "server.log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            said = server.stdout.readline().strip()
            assert said.startswith(LISTENING), (tmp_path / "server.log").read_text()
            monkeypatch.setenv("XASE_BASE_URL", said.removeprefix("Listening on "))
            monkeypatch.setenv("XASE_API_KEY", (tmp_path / ".xase" / "admin.key").read_text().strip())
            seated = Reader(tmp_path, address=said.removeprefix(LISTENING))
            yield seated
            seated.leave()
        finally:
            server.terminate()
