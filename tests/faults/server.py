"""A real `xase-server serve` process that tests may kill."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from typer.testing import CliRunner

from tests.simulator import ORIGIN
from xase_server.commands.root import app

PROGRAM = Path(sys.executable).with_name("xase-server")
START_SECONDS = 30.0
_numbers = itertools.count()
started: list["Server"] = []


@dataclass
class Server:
    """One server process. Its output is in `log`."""

    home: Path
    process: "subprocess.Popen[bytes]"
    log: Path
    ready: Path

    @classmethod
    def start(cls, home: Path, *options: str, environment: Mapping[str, str] | None = None) -> "Server":
        """Start it on a free port; it may not be ready yet."""
        name = home.with_name(f"{home.name}-{next(_numbers)}")
        log, ready = name.with_suffix(".log"), name.with_suffix(".ready")
        where = ["--home", str(home), "--port", "0", "--ready-file", str(ready)]
        command = [str(PROGRAM), "serve", *where, "--rate-limit", "0", "--log-origin", ORIGIN, *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        server = cls(home, process, log, ready)
        started.append(server)
        return server

    @property
    def port(self) -> int:
        """Where it listens, once it is ready."""
        return int(self.ready.read_text().strip().rpartition(":")[2])

    def wait_until_ready(self) -> Self:
        """Return when it answers; raise with its output when it ended or never does."""
        deadline = time.monotonic() + START_SECONDS
        while not self.ready.exists() or not self.is_ready():
            if time.monotonic() > deadline or self.ends_within(0.02):
                self.kill()
                raise RuntimeError(f"the server did not become ready:\n{self.log.read_text()[-4000:]}")
        return self

    def is_ready(self) -> bool:
        """What `/readyz` says."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def ends_within(self, seconds: float) -> bool:
        """Whether the process is gone after at most so long."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def key(self) -> str:
        """The admin key of the home."""
        return (self.home / "admin.key").read_text().strip()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_SECONDS)


def audit(home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """`xase-server audit` over everything, in this process: what it needs is loaded once."""
    command = ["audit", "--home", str(home), *options]
    ended = CliRunner().invoke(app, command)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return subprocess.CompletedProcess(command, ended.exit_code, ended.stdout, ended.stderr)
