"""Starting the converting process, listening to it, and ending it."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from xase_server.datasets.anonymity.job import AnonymityJob
from xase_server.datasets.ingest.job import Job
from xase_server.datasets.ingest.report import Done, Ended, Failed, Line, Read
from xase_server.ports.datasets import Found, IngestProblem, Progress

_COMMAND: Final = (sys.executable, "-P", "-m", "xase_server.datasets.ingest")
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_ALONE: Final = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
_DECODER: Final = msgspec.json.Decoder(Line)
_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 1.0
_OUT_OF_MEMORY: Final = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGXFSZ}

Work = Job | AnonymityJob
"""What a process can be given to do."""


class Converter:
    """Runs conversions, each in a process of its own; `close` ends what waits for the next.

    To load what a conversion needs takes longer than to convert a small file. So a process that has loaded it
    stays and forks for every job. At most one waits; conversions at the same time start others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: _Process | None = None
        self._closed = False

    def convert(self, job: Work, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """What the job made in its folder, durable; raises IngestProblem, also when it was cancelled or killed."""
        total = _size(job)
        last: Done | Failed | None = None
        with self._lent() as process:
            for line in _lines(process, job, cancelled):
                if isinstance(line, Read):
                    progress(Progress(line.rows, min(line.bytes, total), total))
                else:
                    last = line
        assert last is not None, "who ends well has said how it went"
        if isinstance(last, Failed):
            raise IngestProblem(last.message, too_large=last.too_large)
        return last.found

    @contextmanager
    def _lent(self) -> Iterator["_Process"]:
        """A process that waits for a job; unless it comes back waiting for the next, it is ended."""
        process = self._taken()
        try:
            yield process
        except BaseException:
            _end(process)
            raise
        with self._lock:
            kept = self._waiting is None and not self._closed
            if kept:
                self._waiting = process
        if not kept:
            _end(process)

    def _taken(self) -> "_Process":
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.poll() is None:
            return waiting
        if waiting is not None:
            _end(waiting)
        return _started()

    def close(self) -> None:
        """End the process that waits for a job, and let none wait any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
            self._closed = True
        if waiting is not None:
            _end(waiting)


_Process = subprocess.Popen[bytes]


def _started() -> _Process:
    """A process in a group of its own, so that one signal ends it and its child."""
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603 -- this interpreter and a module of ours
        _COMMAND, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_environment(), process_group=0
    )


def _end(process: _Process) -> None:
    """Let it and its child see that nobody waits any more; both are gone on return, by force where that takes long."""
    assert process.stdin is not None and process.stdout is not None, "both are pipes"  # noqa: PT018
    with suppress(BrokenPipeError):
        process.stdin.close()
    if not _is_silent(process.stdout.fileno(), _PATIENCE_SECONDS):
        with suppress(PermissionError):  # what macOS says where all of the group has just ended
            os.killpg(process.pid, signal.SIGKILL)
        _is_silent(process.stdout.fileno(), None)
    process.wait()
    process.stdout.close()


def _is_silent(output: int, seconds: float | None) -> bool:
    """Whether all who had the other end of this pipe were gone within so many seconds of their last word."""
    while select.select([output], [], [], seconds)[0]:
        if not os.read(output, 1 << 16):
            return True
    return False


def _size(job: Work) -> int:
    try:
        return Path(job.source).stat().st_size
    except OSError:
        return 0


def _environment() -> dict[str, str]:
    """Nothing secret; memory straight from the system, so that its bound is exact; no threads before a fork."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **_ALONE, "ARROW_DEFAULT_MEMORY_POOL": "system"}


def _lines(process: _Process, job: Work, cancelled: Callable[[], bool]) -> Iterator[Read | Done | Failed]:
    """What is said of the job until it has ended well; raises IngestProblem where it has not."""
    assert process.stdin is not None and process.stdout is not None, "both are pipes"  # noqa: PT018
    with suppress(BrokenPipeError):
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
    waiting = b""
    while True:
        if cancelled():
            raise IngestProblem("The ingest was cancelled")
        if select.select([process.stdout], [], [], _POLL_SECONDS)[0]:
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                raise _ended(process.wait())
            *whole, waiting = (waiting + piece).split(b"\n")
            for line in _decoded(whole):
                if not isinstance(line, Ended):
                    yield line
                elif line.code:
                    raise _ended(line.code)
                else:
                    return


def _decoded(lines: Iterable[bytes]) -> Iterator[Line]:
    """The lines but for one that was cut off, because who wrote it was killed."""
    for line in lines:
        with suppress(msgspec.DecodeError):
            yield _DECODER.decode(line)


def _ended(code: int) -> IngestProblem:
    if code in _OUT_OF_MEMORY:
        return IngestProblem("The data needs more memory or disk than a conversion may have", too_large=True)
    return IngestProblem("The data cannot be read: it is damaged, or uses what is not supported")
