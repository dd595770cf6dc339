"""The converting process: jobs on standard input, lines of `report` on standard output.

What starts here loads the code once and touches no data: each job is done by a child of its own, whose memory
is bounded, so that a bomb ends it and not the service, and with which all ends that the data left in memory.
Neither lives longer than who started it: standard input stays open for as long as somebody waits.
"""

import contextlib
import errno
import importlib.abc
import os
import resource
import sys
import tempfile
import threading
import time

import msgspec
import numpy as np
import pyarrow as pa

from xase_server.datasets.anonymity.job import AnonymityJob, anonymise
from xase_server.datasets.bounds import Bounds
from xase_server.datasets.ingest.job import Job, run
from xase_server.datasets.ingest.report import Done, Ended, Failed, Line, Read
from xase_server.ports.datasets import IngestProblem, VersionUnavailable

_SECONDS_BETWEEN = 0.2
_DECODER = msgspec.json.Decoder(Job | AnonymityJob)


class Reporter:
    """Says how far the work is, several times a second at most."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, rows: int, bytes: int) -> None:
        """See `reading.Report`."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN
            say(Read(rows, bytes))


class WithoutPandas(importlib.abc.MetaPathFinder):
    """Arrow would load pandas, where it is installed, to look whether a value is one of its own: half a second."""

    def find_spec(self, name: str, *_: object) -> None:
        """Find nothing; raises ModuleNotFoundError for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def say(line: Line) -> None:
    """Write one line."""
    os.write(1, msgspec.json.encode(line) + b"\n")


def bound(bounds: Bounds) -> None:
    """Let the system refuse what passes the bounds; no core file, since it would hold data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # a lower hard limit is as good; not every system has these
        resource.setrlimit(resource.RLIMIT_FSIZE, (bounds.written_bytes, bounds.written_bytes))
        resource.setrlimit(resource.RLIMIT_DATA, (bounds.memory_bytes, bounds.memory_bytes))


def end_with(starter: int) -> None:
    """End when the other end of this pipe is closed."""
    while os.read(starter, 1):
        pass
    os._exit(1)


def outcome(job: Job | AnonymityJob) -> Line:
    """The last line to say of a job."""
    try:
        return Done(run(job, Reporter()) if isinstance(job, Job) else anonymise(job, Reporter()))
    except IngestProblem as problem:
        return Failed(problem.message, problem.too_large)
    except VersionUnavailable:
        return Failed("The version that this one is made from cannot be read", False)
    except MemoryError:
        return Failed("The data needs more memory than a conversion may have", True)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        return Failed(f"The version's files could not be written: {reason}", error.errno == errno.EFBIG)
    except pa.ArrowException as error:
        return Failed(f"The data cannot be converted ({type(error).__name__})", False)


def work(job: Job | AnonymityJob) -> None:
    """Do one job, within its bounds.

    Standard input is the parent's, too. Nothing is written there before the parent has said how this process
    ended, so that whoever reads it here sees its end alone and takes no job away.
    """
    pa.set_cpu_count(2)
    pa.set_io_thread_count(2)
    bound(job.bounds)
    tempfile.tempdir = job.folder  # on the disk that the version needs anyway
    threading.Thread(target=end_with, args=(0,), daemon=True).start()
    say(outcome(job))


def child(wish: bytes) -> int:
    """How the process ended that did what was wished for: its exit code, or the signal's number below zero."""
    process = os.fork()
    if not process:
        try:
            work(_DECODER.decode(wish))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main() -> None:
    """Have every job done, until nobody can have another one."""
    sys.meta_path.insert(0, WithoutPandas())
    pa.array([])  # the first list and the first array load more
    pa.array(np.zeros(0))
    with contextlib.suppress(BrokenPipeError):
        while wish := sys.stdin.buffer.readline():
            ended = msgspec.json.encode(Ended(child(wish)))
            os.write(1, b"\n" + ended + b"\n")  # a child that was killed may have left half a line
    os._exit(0)


if __name__ == "__main__":
    main()
