"""Starting the converting process, listening to it, and ending it."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from xase_server.datasets.ingest.job import Job
from xase_server.datasets.ingest.report import Done, Failed, Line
from xase_server.ports.datasets import Found, IngestProblem, Progress

_COMMAND: Final = (sys.executable, "-P", "-m", "xase_server.datasets.ingest")
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_POLL_SECONDS: Final = 0.1
_OUT_OF_MEMORY: Final = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGXFSZ}


def convert(job: Job, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
    """What the job made in its folder, durable; raises IngestProblem, also when it was cancelled or killed."""
    total = _size(job)
    process = subprocess.Popen(  # noqa: S603 -- this interpreter and a module of ours
        _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
    )
    try:
        for line in _lines(process, job, cancelled):
            if isinstance(line, Done):
                return line.found
            if isinstance(line, Failed):
                raise IngestProblem(line.message, too_large=line.too_large)
            progress(Progress(line.rows, min(line.bytes, total), total))
        raise _ended(process.wait())
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _size(job: Job) -> int:
    try:
        return Path(job.source).stat().st_size
    except OSError:
        return 0


def _environment() -> dict[str, str]:
    """Nothing secret; memory straight from the system, so that its bound is exact."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "ARROW_DEFAULT_MEMORY_POOL": "system"}


def _lines(process: "subprocess.Popen[bytes]", job: Job, cancelled: Callable[[], bool]) -> Iterator[Line]:
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
