"""Where the demonstration happens: a fresh folder, a real server in a process of its own, and the real commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from xase.cli.exits import ExitCode, Stop

_STOPPING_SECONDS = 15


@dataclass
class Stage:
    """A server of its own over an empty home folder."""

    folder: Path
    process: subprocess.Popen[str]
    address: str = ""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Start the server on a free port; it is not ready yet."""
        command = [
            _program("xase-server"),
            "serve",
            "--home",
            str(folder / "home"),
            "--host",
            "127.0.0.1",
            "--port",
            "0",
        ]
        with (folder / "server.log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - this installation's own server
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment()
            )
        return cls(folder, process)

    def wait_until_ready(self) -> None:
        """Return when the server listens. Raises Stop, with what the server said, when it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("Listening on "):
            self.process.wait()
            said = (self.folder / "server.log").read_text()
            raise Stop(f"the server did not start:\n{said}", ExitCode.UNAVAILABLE)
        self.address = line.split()[-1]

    @property
    def home(self) -> Path:
        """The server's home folder."""
        return self.folder / "home"

    @property
    def admin_key(self) -> str:
        """The key that the first start made."""
        return (self.home / "admin.key").read_text().strip()

    def wait(self) -> None:
        """Stay until the server ends or somebody presses Ctrl-C."""
        try:
            self.process.wait()
        except KeyboardInterrupt:
            self.strike()

    def strike(self) -> None:
        """Stop the server, gracefully while it lets us."""
        self.process.terminate()
        try:
            self.process.wait(_STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the folder, its output kept; `xase` is this installation's."""
        program, *arguments = command
        found = _program(program) if program.startswith("xase") else program
        return subprocess.run(  # noqa: S603 - commands written in this package
            [found, *arguments], cwd=self.folder, env=_environment(), capture_output=True, text=True, check=False
        )

    def do(self, *command: str) -> None:
        """Run a program that must succeed. Raises Stop with what it said."""
        done = self.run(*command)
        if done.returncode:
            raise Stop(f"{command[0]} ended with {done.returncode}:\n{done.stderr}", ExitCode.UNEXPECTED)


def _program(name: str) -> str:
    """The command that belongs to this installation."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Stop(f"{name} is not installed", ExitCode.USAGE)
    return found


def _environment() -> Mapping[str, str]:
    """Ours without the settings that belong to another server or client."""
    return {name: value for name, value in os.environ.items() if not name.startswith("XASE_")}
