"""Real commands: run in this process for speed, against a real server in another one."""

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import xase
import xase.cli
import xase_server.commands

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class StandardInput:
    """As much of `sys.stdin` as commands read."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


Command = Callable[..., Answer]


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[[str, Callable[[], None]], Command]:
    """Makes a function that runs a program's `main` as a shell would, in this process."""

    def program(name: str, main: Callable[[], None]) -> Command:
        def run(*arguments: Any, stdin: bytes = b"") -> Answer:
            monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
            monkeypatch.setattr(sys, "stdin", StandardInput(stdin))
            capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                main()
            said = capsys.readouterr()
            return Answer(int(end.value.code or 0), said.out, said.err)

        return run

    return program


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    home: Path
    address: str
    process: "subprocess.Popen[str]"

    @property
    def key_file(self) -> Path:
        return self.home / "admin.key"

    @property
    def key(self) -> str:
        return self.key_file.read_text().strip()

    def client(self, key: str | None = None) -> xase.Client:
        return xase.Client(api_key=key or self.key, base_url=self.address, max_retries=0)


def start(home: Path, *options: str) -> Running:
    """A server over this home on a free port, ready."""
    process = subprocess.Popen(
        [BIN / "xase-server", "serve", "--home", home, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Listening on "), process.communicate()
    return Running(home, line.split()[-1], process)


def stop(server: Running, signum: int = signal.SIGTERM) -> Answer:
    """Ask it to end, and wait."""
    server.process.send_signal(signum)
    out, err = server.process.communicate(timeout=60)
    return Answer(server.process.returncode, out, err)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Running]:
    """One server for all tests that only use it."""
    running = start(tmp_path_factory.mktemp("server") / "home")
    yield running
    stop(running)


@pytest.fixture
def xase_(command, server, monkeypatch, tmp_path) -> Command:
    """The `xase` command of the server's admin, in an empty folder."""
    monkeypatch.setenv("XASE_BASE_URL", server.address)
    monkeypatch.setenv("XASE_API_KEY", server.key)
    monkeypatch.setenv("XASE_SPOOL", str(tmp_path / "spool.db"))
    monkeypatch.chdir(tmp_path)
    return command("xase", xase.cli.main)


@pytest.fixture
def operator(command) -> Command:
    """The `xase-server` command."""
    return command("xase-server", xase_server.commands.main)


@pytest.fixture(scope="session")
def grown(tmp_path_factory) -> Path:
    """A home with five decision records, made once; tests work on copies."""
    home = tmp_path_factory.mktemp("grown") / "home"
    with xase.Client.local(home) as client:
        record(client, 5)
    return home


def record(client: xase.Client, count: int) -> list[str]:
    """The ids of so many new decision records."""
    bodies = [{"model_id": "m", "input": {"n": n}, "output": {"ok": True}} for n in range(count)]
    return [each.id for each in client.records.create_batch(bodies)]


@pytest.fixture
def home(grown, tmp_path) -> Path:
    """A copy of the grown home."""
    return Path(shutil.copytree(grown, tmp_path / "home"))
