"""The Python side of iotrace.c: build it, run a program under it, read its trace, steer its faults."""

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("iotrace.c")
_RECORD = struct.Struct("<cQQQ")
_PAGE = struct.Struct("<7i")


class Calls(IntFlag):
    """Classes of system calls, as in iotrace.c."""

    OPEN = 1
    READ = 2
    WRITE = 4
    SYNC = 8
    TRUNCATE = 16
    NAME = 32
    LOCK = 64
    CHANGING = OPEN | WRITE | SYNC | TRUNCATE | NAME
    ANY = CHANGING | READ | LOCK


class Action(IntEnum):
    """What happens to the call that is struck."""

    FAIL = 0
    HALF = 1
    KILL_BEFORE = 2
    KILL_AFTER = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One traced call.

    `op` is one letter: W(rite), T(runcate), S(ync), F(ailed sync), D(irectory sync), C(reate), R(ename), U(nlink),
    L(ink), K (mkdir), M(ark).
    """

    op: str
    inode: int
    offset: int
    data: bytes

    @property
    def paths(self) -> list[str]:
        return [os.fsdecode(part) for part in self.data.split(b"\0") if part]


def build(folder: Path) -> Path:
    """The shared object, compiled into `folder`; skips the test where that cannot be."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("tracing system calls needs Linux and a C compiler")
    target = folder / "iotrace.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, SOURCE, "-ldl", "-lpthread"], check=True)
    return target


def environment(library: Path, home: Path, **files: Path) -> dict[str, str]:
    """The environment of a program to be traced below `home`; `files` are `log`, `marks` and `faults`."""
    names = {f"XASE_IOTRACE_{name.upper()}": str(file) for name, file in files.items()}
    return {**os.environ, "LD_PRELOAD": str(library), "XASE_IOTRACE_HOME": str(home), **names}


def read_trace(file: Path) -> Iterator[Event]:
    """The events in the order in which they happened; one that was being written at a kill is left out."""
    data = memoryview(file.read_bytes())
    at = 0
    while at + _RECORD.size <= len(data):
        op, inode, offset, length = _RECORD.unpack_from(data, at)
        start = at + _RECORD.size
        carried = length if op in b"WCRULKDM" else 0
        if start + carried > len(data):
            return
        yield Event(op.decode(), inode, offset, bytes(data[start : start + carried]))
        at = start + carried


class Faults:
    """The page that a running program shares with the test: which call is to fail, and how."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_PAGE.size))
        self.file = file
        with file.open("r+b") as stream:
            self._page = mmap.mmap(stream.fileno(), _PAGE.size)

    def arm(
        self, calls: Calls, *, skip: int = 0, sticky: bool = False, action: Action = Action.FAIL, error: int = errno.EIO
    ) -> None:
        """Let `skip` calls of these classes through, then strike one, or with `sticky` all until `clear`."""
        self.clear()
        self._page[4 : _PAGE.size] = _PAGE.pack(0, skip, int(sticky), action, error, 0, 0)[4:]
        self._page[:4] = struct.pack("<i", calls)  # last: this is what arms

    def clear(self) -> None:
        self._page[:4] = bytes(4)

    @property
    def hits(self) -> int:
        """How many calls were struck since `arm`."""
        return int(_PAGE.unpack(self._page[:])[6])
