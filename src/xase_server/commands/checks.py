"""What the doctor looks at. Each check reads and changes nothing, and gives its findings."""

import os
import resource
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from xase.proof.checkpoint import NoteError, open_checkpoint
from xase.proof.keys import DocumentSigner, KeyMaterialError, LogSigner, Seal
from xase_server.commands.existing import log_keys
from xase_server.commands.exits import Stop
from xase_server.domain.clock import Clock
from xase_server.home import Home
from xase_server.ledger.append import MAX_STEP_BACK_MS
from xase_server.ledger.start import find_objection
from xase_server.ports import Head, Storage, StorageUnavailable
from xase_server.settings import Settings

_MIB: Final = 1 << 20
_TIGHT_BYTES: Final = 1024 * _MIB
_FULL_BYTES: Final = 100 * _MIB
_ENOUGH_FILES: Final = 4096
_REMOTE: Final = frozenset({"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3"})


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `remedy` says what to do about it, "" when nothing is to be done."""

    check: str
    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `storage` is None when it cannot be opened; `trouble` says why."""

    settings: Settings
    home: Home
    clock: Clock
    storage: Storage | None
    trouble: str = ""


def examine(patient: Patient) -> Iterator[Finding]:
    """Every finding of every check, in an order in which the first problem explains the later ones."""
    for check in (_folders, _secrets, _admin_key, _disk, _files, _database):
        yield from check(patient)


def _folders(patient: Patient) -> Iterator[Finding]:
    for folder in (patient.home.path, patient.home.keys):
        name = f"folder {folder.name}"
        if not folder.is_dir():
            yield Finding(name, State.PROBLEM, f"{folder} is not there", "start the server once: it makes the folder")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Finding(name, State.PROBLEM, f"{folder} cannot be written", "let the server's account own it")
        else:
            yield _private(name, folder, "700")


def _secrets(patient: Patient) -> Iterator[Finding]:
    for name, read in _READ.items():
        file = patient.home.keys / name
        if not file.is_file():
            remedy = "restore it from your copy; a server that starts without it makes another"
            yield Finding(f"key {name}", State.PROBLEM, f"{file} is not there", remedy)
        else:
            yield _usable(f"key {name}", file, read)
    for master in sorted(patient.home.keys.glob("master.key*")):  # may lie elsewhere
        yield _private(f"key {master.name}", master, "600")


_READ: Final[Mapping[str, Callable[[bytes], object]]] = {
    "log.pem": lambda pem: LogSigner.from_pem("any.log", pem),
    "document.pem": DocumentSigner.from_pem,
    "seal.key": Seal,
}


def _usable(name: str, file: Path, read: Callable[[bytes], object]) -> Finding:
    """Whether a key file is its owner's alone, and what the server will take it for."""
    remedy = "restore it from your copy"
    try:
        read(file.read_bytes())
    except OSError as error:
        return Finding(name, State.PROBLEM, f"{file}: {error.strerror}", "let the server's account own it")
    except KeyMaterialError as error:
        return Finding(name, State.PROBLEM, f"{file} cannot be used: {error}", remedy)
    return _private(name, file, "600")


def _private(name: str, place: Path, mode: str) -> Finding:
    """Whether a file or folder is its owner's alone."""
    status = place.stat()
    bits = stat.S_IMODE(status.st_mode)
    if bits & 0o077:
        return Finding(name, State.PROBLEM, f"mode {bits:03o}: others may use it", f"chmod {mode} {place}")
    if status.st_uid != os.geteuid():
        return Finding(name, State.WARNING, "belongs to another account", "run this as the account that serves")
    return Finding(name, State.OK, f"mode {bits:03o}")


def _admin_key(patient: Patient) -> Iterator[Finding]:
    file = patient.home.admin_key
    if not file.exists():
        yield Finding("admin key", State.OK, "not kept on this machine")
        return
    found = _private("admin key", file, "600")
    if found.state is State.OK:
        remedy = "make a key for each application and person, revoke this one, delete the file"
        found = Finding("admin key", State.WARNING, f"still lies in {file}", remedy)
    yield found


def _disk(patient: Patient) -> Iterator[Finding]:
    folder = _existing(patient.home.path)
    free = shutil.disk_usage(folder).free
    found = f"{free // _MIB:,} MiB free"
    remedy = "make room: appends fail when the disk is full"
    state = State.PROBLEM if free < _FULL_BYTES else State.WARNING if free < _TIGHT_BYTES else State.OK
    yield Finding("disk space", state, found, "" if state is State.OK else remedy)
    kind = _filesystem(folder)
    if kind in _REMOTE and not patient.settings.database:
        remedy = "move the home folder to a local disk, or use PostgreSQL"
        yield Finding("file system", State.PROBLEM, f"{kind}: its locks and flushes cannot be relied on", remedy)
    elif kind:
        yield Finding("file system", State.OK, kind)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def _filesystem(folder: Path) -> str:
    """The type of the file system a folder is on; "" where the system does not tell."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    real = folder.resolve()
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        _, place, this_kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if real.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, this_kind
    return kind


def _files(_patient: Patient) -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = soft == resource.RLIM_INFINITY or soft >= _ENOUGH_FILES
    remedy = "" if is_enough else f"ulimit -n {_ENOUGH_FILES}, or LimitNOFILE= of the service"
    yield Finding("open files", State.OK if is_enough else State.WARNING, f"at most {soft}", remedy)


def _database(patient: Patient) -> Iterator[Finding]:
    if not patient.settings.database:
        yield from _files_of(patient.home.database)
    if patient.storage is None:
        is_there = bool(patient.settings.database) or patient.home.database.exists()
        remedy = f"{'mend it' if is_there else 'start the server once'}, or restore a backup; other checks wait for it"
        yield Finding("database", State.PROBLEM, patient.trouble, remedy)
        return
    try:
        patient.storage.check()
        head = patient.storage.read(lambda reads: reads.head())
    except StorageUnavailable as error:
        yield Finding("database", State.PROBLEM, str(error), "the server appends nothing like this: mend it first")
        return
    kind = "PostgreSQL" if patient.settings.database else "SQLite"
    yield Finding("database", State.OK, f"{kind}, durable, {head.size:,} entries, epoch {head.epoch}")
    yield _clock(patient, head)
    yield _log_key(patient.home, head)
    yield _head(patient.home, patient.storage)


def _files_of(database: Path) -> Iterator[Finding]:
    """The embedded database's files that this account may not write."""
    for file in sorted(database.parent.glob(f"{database.name}*")):
        if not os.access(file, os.R_OK | os.W_OK):
            remedy = "let the server's account own it"
            yield Finding("database file", State.PROBLEM, f"{file} cannot be written", remedy)


def _log_key(home: Home, head: Head) -> Finding:
    """Whether the key that will sign the next checkpoint signed the newest one."""
    try:
        signer = LogSigner.from_pem(head.log, (home.keys / "log.pem").read_bytes())
        if head.checkpoint:
            open_checkpoint(head.checkpoint, [signer.verifier])
    except (OSError, KeyMaterialError) as error:
        return Finding("log key", State.PROBLEM, f"cannot be read: {error}", "restore the keys folder from your copy")
    except NoteError:
        remedy = "restore the right keys folder, or finish the rotation: `xase-server signing-key rotate log`"
        return Finding("log key", State.PROBLEM, "did not sign the newest checkpoint", remedy)
    return Finding("log key", State.OK, f"signs {head.log}")


def _clock(patient: Patient, head: Head) -> Finding:
    behind_ms = head.time_ms - patient.clock.now_ms()
    if behind_ms <= MAX_STEP_BACK_MS:
        return Finding("clock", State.OK, "not behind the newest entry")
    found = f"{behind_ms / 1000:.1f} s behind the newest entry: nothing is appended"
    return Finding("clock", State.PROBLEM, found, "set the clock right; or decide: serve --accept-clock")


def _head(home: Home, storage: Storage) -> Finding:
    """Whether the database ends where it should."""
    try:
        objection = find_objection(storage, log_keys(home), home.head)
    except Stop as stop:
        return Finding("head", State.PROBLEM, stop.message, "restore the keys folder from your copy")
    if objection is None:
        return Finding("head", State.OK, "the database reaches the head held outside it")
    remedy = "find out why; then decide: serve --accept-head" if objection.may_be_accepted else "restore a backup"
    return Finding("head", State.PROBLEM, objection.reason, remedy)
