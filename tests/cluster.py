"""A PostgreSQL cluster of the tests' own: temporary, on a Unix socket, durable as in production, gone afterwards."""

import getpass
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

DEBIAN = Path("/usr/lib/postgresql")
LOG_ON_FAILURE = 4000  # characters


def find_programs() -> Path | None:
    """The folder that holds `initdb`, `pg_ctl` and `postgres`: on PATH, else Debian's newest version, else nothing."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    if DEBIAN.is_dir():
        folders += [version / "bin" for version in sorted(DEBIAN.iterdir(), key=_version, reverse=True)]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _version(folder: Path) -> int:
    return int(folder.name) if folder.name.isdigit() else 0


def _account() -> str:
    """Who runs the server: PostgreSQL refuses root, so root lends it to an account without rights."""
    if os.geteuid() != 0:
        return getpass.getuser()
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class Cluster:
    """One running server. It listens on a socket in `folder` and nowhere else."""

    programs: Path
    folder: Path
    account: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @contextmanager
    def running(cls, programs: Path) -> Iterator[Self]:
        """A fresh cluster for the length of the block. Its path is short: socket names end at 107 bytes."""
        folder = Path(tempfile.mkdtemp(prefix="xase-pg-"))
        cluster = cls(programs, folder, _account())
        try:
            if os.geteuid() == 0:
                shutil.chown(folder, cluster.account)
            cluster._start()
            yield cluster
        finally:
            cluster._run("pg_ctl", "stop", "-D", "data", "-m", "immediate", check=False)
            shutil.rmtree(folder)

    def new_database(self, like: str = "") -> str:
        """Create a database and answer its DSN: an empty one, or a copy of the one that the DSN `like` names."""
        name = f"xase_{next(self._numbers)}"
        template = urlsplit(like).path.removeprefix("/") or "template1"
        create = f"CREATE DATABASE {name} TEMPLATE {template}"
        self._run("psql", "-h", str(self.folder), "-U", "xase", "-d", "postgres", "-Xqc", create)
        return f"postgresql://xase@/{name}?host={self.folder}"

    def _start(self) -> None:
        self._run("initdb", "-D", "data", "-U", "xase", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        # fsync stays on: the storage refuses a server that could lose what it acknowledged
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=200"
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "server.log", "-o", options)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        said = self.folder / "said.log"  # a file, not a pipe: the server that pg_ctl starts would hold a pipe open
        with said.open("w") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                cwd=self.folder,
                user=self.account if os.geteuid() == 0 else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if check and done.returncode != 0:
            logs = [file.read_text()[-LOG_ON_FAILURE:] for file in (said, self.folder / "server.log") if file.exists()]
            raise RuntimeError(f"{program} failed:\n" + "\n".join(logs))
