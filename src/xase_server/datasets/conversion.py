"""Starting the converting process, listening to it, and ending it."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from xase_server.datasets.anonymity.job import AnonymityJob
from xase_server.datasets.ingest.job import Job
from xase_server.datasets.ingest.report import Done, Failed, Line
from xase_server.ports.datasets import Found, IngestProblem, Progress

_COMMAND: Final = (sys.executable, "-P", "-m", "xase_server.datasets.ingest")
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_POLL_SECONDS: Final = 0.1
_OUT_OF_MEMORY: Final = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGXFSZ}

Work = Job | AnonymityJob
"""What a process can be given to do."""


class Converter:
    """Runs conversions, each in a process of its own.

    While one runs, the process of the next is started already: to load what it needs takes longer than
    to convert a small file.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: _Process | None = None

    def convert(self, job: Work, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """What the job made in its folder, durable; raises IngestProblem, also when it was cancelled or killed."""
        total = _size(job)
        with _ending(self._next()) as process:
            for line in _lines(process, job, cancelled):
                if isinstance(line, Done):
                    return line.found
                if isinstance(line, Failed):
                    raise IngestProblem(line.message, too_large=line.too_large)
                progress(Progress(line.rows, min(line.bytes, total), total))
            raise _ended(process.wait())

    def _next(self) -> "_Process":
        with self._lock:
            waiting, self._waiting = self._waiting, _started()
        if waiting is not None and waiting.poll() is None:
            return waiting
        if waiting is not None:
            _end(waiting)
        return _started()

    def close(self) -> None:
        """End the process that waits for a job."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            _end(waiting)


_Process = subprocess.Popen[bytes]


def _started() -> _Process:
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603 -- this interpreter and a module of ours
        _COMMAND, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_environment()
    )


@contextmanager
def _ending(process: _Process) -> Iterator[_Process]:
    try:
        yield process
    finally:
        _end(process)


def _end(process: _Process) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _size(job: Work) -> int:
    try:
        return Path(job.source).stat().st_size
    except OSError:
        return 0


def _environment() -> dict[str, str]:
    """Nothing secret; memory straight from the system, so that its bound is exact."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system"}


def _lines(process: _Process, job: Work, cancelled: Callable[[], bool]) -> Iterator[Line]:
    """What the process says, until it ends."""
    assert process.stdin is not None and process.stdout is not None, "both are pipes"  # noqa: PT018
    decode = msgspec.json.Decoder(Line).decode
    try:
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return
    waiting = b""
    while True:
        if cancelled():
            raise IngestProblem("The ingest was cancelled")
        if select.select([process.stdout], [], [], _POLL_SECONDS)[0]:
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return
            *lines, waiting = (waiting + piece).split(b"\n")
            yield from map(decode, lines)


def _ended(code: int) -> IngestProblem:
    if code in _OUT_OF_MEMORY:
        return IngestProblem("The data needs more memory or disk than a conversion may have", too_large=True)
    return IngestProblem("The data cannot be read: it is damaged, or uses what is not supported")
