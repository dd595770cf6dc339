"""The HTTP server around the application: where it listens, how it says that it is ready, how it stops."""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12.

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import uvicorn

from xase_server.commands import logs
from xase_server.commands.exits import ExitCode, Stop
from xase_server.commands.protocol import Protocol

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 30  # how long a request that waits for its commit may still take after SIGTERM
_SWITCH_SECONDS: Final = 0.0005
"""The ledger's writer waits for the interpreter's lock after every statement of a commit; a busy event
loop keeps it for as long as this, and Python's own 5 ms would make most of a commit waiting."""

_OBJECTS_BETWEEN_COLLECTIONS: Final = 10_000


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; port 0 takes a free one. Raises Stop when the address is in use or not ours."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(address[0]), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise Stop(f"cannot listen on {host} port {port}: {reason}", ExitCode.UNAVAILABLE) from error


def end_quietly_on_signals() -> None:
    """Before the server runs, and after it has stopped in good order, a signal to stop is no failure."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _end)


def run(
    app: Callable[..., Any],
    listener: socket.socket,
    address: str,
    ready_file: Path | None,
    *,
    log_format: str = "text",
    log_requests: bool = False,
) -> None:
    """Serve until a signal says stop; requests that wait for their commit are answered first."""
    logs.configure(log_format, requests=log_requests)
    sys.setswitchinterval(_SWITCH_SECONDS)
    configuration = uvicorn.Config(
        app,
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    _Announcing(configuration, address, ready_file).run(sockets=[listener])


class _Announcing(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, configuration: uvicorn.Config, address: str, ready_file: Path | None) -> None:
        super().__init__(configuration)
        self._address = address
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _settle()
        if self._ready_file is not None:
            _write_whole(self._ready_file, f"{self._address}\n")
        sys.stdout.write(f"Listening on {self._address}\n")
        sys.stdout.flush()


def _settle() -> None:
    """Take what the start has made out of the garbage collector's sight, for it stays; and let it look less often.

    Walking through all of it took 80 ms, every two seconds under load, while every caller waited. What requests make
    has next to no cycles, so to look at those in flight after every 700 objects finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _write_whole(file: Path, text: str) -> None:
    """Whoever waits for the file never reads half of it."""
    partial = file.with_name(f".{file.name}.part")
    partial.write_text(text)
    partial.replace(file)


def _end(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
