"""What a disk may hold after the power was cut, computed from a trace of system calls.

The model is that of a journaling file system and a drive with a volatile cache:

- what was written to a file before its last completed sync is there; later writes and truncations of
  the file are there in any combination, each write torn at sector boundaries;
- creating, renaming, linking and unlinking become durable when their folder is synced; later ones are
  kept up to some point of their order;
- after a failed sync each change that it was to make durable has arrived or never will, although whoever reads the
  file sees it, and although later syncs succeed: this is what Linux does;
- nothing else is promised: a renamed file whose bytes were not synced may be empty.
"""

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.iotrace import Event

SECTORS = (512, 4096)


@dataclass
class File:
    """One inode: the bytes that are surely there, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        for event in self.pending:
            apply(self.durable, event.op, event.offset, event.data)
        self.pending.clear()

    def fail(self, chance: random.Random) -> None:
        """A sync failed: some of what was pending has reached the disk, the rest is forgotten."""
        lost = chance.choice((0.0, 0.5, 1.0))
        self.pending = [event for event in self.pending if chance.random() >= lost]
        self.sync()

    def after_cut(self, chance: random.Random) -> bytes:
        """One of the contents that a power cut now may leave."""
        content = bytearray(self.durable)
        for op, offset, data in _survivors(self.pending, chance):
            apply(content, op, offset, data)
        return bytes(content)


def apply(content: bytearray, op: str, offset: int, data: bytes) -> None:
    """A write, or with op `T` a truncation to `offset` bytes."""
    end = offset + len(data)
    if op == "T":
        del content[offset:]
    content.extend(bytes(max(0, end - len(content))))
    content[offset:end] = data


def _survivors(pending: list[Event], chance: random.Random) -> Iterator[tuple[str, int, bytes]]:
    """What remains of unsynced changes: none, all, a prefix of, some of them, or some of their sectors."""
    way = chance.choice(("none", "all", "prefix", "some", "torn", "torn"))
    if way == "none":
        return
    last = chance.randint(0, len(pending)) if way == "prefix" else len(pending)
    for event in pending[:last]:
        if way == "torn" and event.op == "W":
            yield from _torn(event, chance)
        elif way in {"all", "prefix"} or chance.random() < 0.5:
            yield event.op, event.offset, event.data


def _torn(event: Event, chance: random.Random) -> Iterator[tuple[str, int, bytes]]:
    sector = chance.choice(SECTORS)
    keep = chance.choice((0.5, 0.9))
    at = 0
    while at < len(event.data):
        width = sector - (event.offset + at) % sector
        if chance.random() < keep:
            yield "W", event.offset + at, event.data[at : at + width]
        at += width


@dataclass
class Names:
    """Which file lies under which path."""

    files: dict[str, int] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def apply(self, op: str, file: int, paths: list[str]) -> None:
        if op == "K":
            self.folders.append(paths[0])
        elif op == "C":
            self.files[paths[0]] = file
        elif op == "U":
            self.files.pop(paths[0], None)
        elif paths[0] in self.files:  # R, L
            self.files[paths[1]] = self.files[paths[0]]
            if op == "R":
                del self.files[paths[0]]

    def copy(self) -> "Names":
        return Names(dict(self.files), list(self.folders))


@dataclass(frozen=True, slots=True)
class State:
    """A disk after a power cut, and what had been acknowledged before it."""

    folders: list[str]
    files: dict[str, bytes]
    marks: list[bytes]

    def lay_out(self, source: Path, target: Path) -> None:
        """Write the files below `source` as they would be found, below `target` instead."""
        target.mkdir(mode=0o700)
        for folder in self.folders:
            (target / Path(folder).relative_to(source)).mkdir(mode=0o700, exist_ok=True)
        for path, content in self.files.items():
            place = target / Path(path).relative_to(source)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)


class Disk:
    """Follows a trace and tells what a cut at the present point may leave."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random(0)
        self._files: list[File] = []
        self._by_inode: dict[int, int] = {}
        self._durable = Names()
        self._pending: list[tuple[str, int, list[str]]] = []
        self.marks: list[bytes] = []

    def follow(self, event: Event) -> None:
        if event.op == "M":
            self.marks.append(event.data)
        elif event.op in {"W", "T"}:
            self._file(event.inode).pending.append(event)
        elif event.op == "S":
            self._file(event.inode).sync()
        elif event.op == "F":
            self._fail(event.inode)
        elif event.op == "D":
            self._sync_folder(event.paths[0])
        else:
            self._name(event)

    def _file(self, inode: int) -> File:
        return self._files[self._by_inode[inode]]

    def _fail(self, inode: int) -> None:
        if inode in self._by_inode:  # else it is a folder: its names stay pending
            self._file(inode).fail(self._chance)

    def _name(self, event: Event) -> None:
        if event.op == "C":  # an inode number may be used again: each creation is a new file
            self._by_inode[event.inode] = len(self._files)
            self._files.append(File())
        self._pending.append((event.op, self._by_inode.get(event.inode, -1), event.paths))

    def _sync_folder(self, folder: str) -> None:
        """The journal is one: up to the last change in this folder, all changes of names are durable."""
        ours = [n for n, (_, _, paths) in enumerate(self._pending, 1) if str(Path(paths[-1]).parent) == folder]
        for change in self._pending[: ours[-1] if ours else 0]:
            self._durable.apply(*change)
        del self._pending[: ours[-1] if ours else 0]

    def cut(self, chance: random.Random) -> State:
        """One of the states that a power cut now may leave."""
        names = self._durable.copy()
        for change in self._pending[: chance.randint(0, len(self._pending))]:
            names.apply(*change)
        contents = {path: self._files[file].after_cut(chance) for path, file in names.files.items() if file >= 0}
        return State(names.folders, contents, list(self.marks))


def power_cuts(events: Iterable[Event], count: int, seed: int, *, first: int = 1) -> Iterator[State]:
    """`count` states, at random moments of the trace from event `first` on; the same for the same seed."""
    trace = list(events)
    chance = random.Random(seed)
    moments = sorted(chance.randint(first, len(trace)) for _ in range(count))
    disk = Disk(random.Random(seed))
    done = 0
    for moment in moments:
        for event in trace[done:moment]:
            disk.follow(event)
        done = moment
        yield disk.cut(chance)
