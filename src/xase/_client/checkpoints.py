"""What a client remembers of the logs it saw: each one's trusted keys and newest checkpoint.

A log without witnesses cannot accuse its own operator; a client that remembers can. Kept in memory,
and in a file as well where one is named, so that the memory outlives the process.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from xase._client.files import AtomicFile
from xase.errors import ConfigurationError, LedgerForked, UntrustedKey
from xase.proof.checkpoint import Checkpoint, NoteError, NoteVerifier, open_checkpoint, parse_checkpoint, parse_note
from xase.proof.keys import KeyMaterialError
from xase.proof.merkle import ProofError, verify_consistency
from xase.proof.trust import read_trust

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """One log as it was last seen: the text of its trusted keys, and its newest signed checkpoint ("" for none yet)."""

    keys: str
    note: str = ""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The remembered checkpoint; its signature was checked when it was stored."""
        return parse_checkpoint(parse_note(self.note).body) if self.note else None

    @property
    def verifiers(self) -> list[NoteVerifier]:
        """The trusted keys."""
        try:
            return list(read_trust([self.keys]).log_keys)
        except KeyMaterialError as error:
            raise UntrustedKey(f"not a key to trust: {error}") from error


class Memories:
    """One `Memory` per server address. With a `path` they are shared with every process that names the same file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Memory] = {}

    def get(self, server: str) -> Memory | None:
        """What is remembered of the log at this address."""
        if self._path is not None:
            self._known |= self._read(self._path)
        return self._known.get(server)

    def trust(self, server: str, keys: str) -> Memory:
        """Begin to trust these keys there, unless some are trusted already; the memory that holds."""
        with self._changing() as known:
            return known.setdefault(server, Memory(keys))

    def trust_instead(self, server: str, keys: str) -> Memory:
        """Trust these keys there, given by the caller, and no others; what was seen stays remembered."""
        kept = self.get(server)
        if kept is not None and kept.keys == keys:
            return kept
        with self._changing() as known:
            known[server] = Memory(keys, kept.note if kept else "")
            return known[server]

    def keep(self, server: str, note: str, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint whose signature and consistency were checked, unless a later one is remembered."""
        with self._changing() as known:
            memory = known[server]
            if memory.checkpoint is None or memory.checkpoint.size < checkpoint.size:
                known[server] = replace(memory, note=note)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Memory]]:
        if self._path is None:
            yield self._known
            return
        with _held(self._path):
            self._known |= self._read(self._path)
            yield self._known
            self._write(self._path)

    @staticmethod
    def _read(path: Path) -> dict[str, Memory]:
        try:
            parsed = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the checkpoint store {path} cannot be read: {error}") from error
        try:
            return {server: Memory(each["keys"], each["checkpoint"]) for server, each in _logs(parsed).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} is not a checkpoint store") from error

    def _write(self, path: Path) -> None:
        logs = {server: {"keys": memory.keys, "checkpoint": memory.note} for server, memory in self._known.items()}
        with AtomicFile(path) as file:
            file.write(json.dumps({"version": VERSION, "logs": logs}, indent=1).encode())
            file.keep()


def _logs(parsed: Mapping[str, Any]) -> Mapping[str, Any]:
    if parsed["version"] != VERSION:
        raise KeyError("version")
    logs: Mapping[str, Any] = parsed["logs"]
    return logs


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """One process changes the store at a time."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough: a child forked meanwhile holds a copy
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Gap:
    """Two checkpoints of one log, `earlier` and `later` by size, that a consistency proof must join."""

    remembered: str
    shown: str
    earlier: Checkpoint
    later: Checkpoint

    def close(self, path: list[bytes]) -> None:
        """Raise LedgerForked unless the later tree begins with the earlier one."""
        try:
            verify_consistency(self.earlier.size, self.later.size, path, self.earlier.root, self.later.root)
        except ProofError as error:
            raise self.fork(f"the log is not a continuation of what was seen before: {error}") from error

    def fork(self, message: str) -> LedgerForked:
        """The accusation, with both signed checkpoints."""
        return LedgerForked(message, remembered=self.remembered, shown=self.shown)


def open_note(note: str, memory: Memory) -> Checkpoint:
    """The checkpoint of a note. Raises UntrustedKey unless a trusted key signed it."""
    try:
        return open_checkpoint(note, memory.verifiers)
    except NoteError as error:
        raise UntrustedKey(f"the checkpoint is not signed by a trusted key of the log: {error}") from error


def gap_between(memory: Memory, shown: Checkpoint, note: str) -> Gap | None:
    """What must be proven before `shown` is believed; None when there is nothing to compare or nothing grew.

    Raises LedgerForked when both are of one size with different roots, or of different logs.
    """
    seen = memory.checkpoint
    if seen is None or (seen.origin, seen.size, seen.root) == (shown.origin, shown.size, shown.root):
        return None
    earlier, later = (seen, shown) if seen.size <= shown.size else (shown, seen)
    gap = Gap(memory.note, note, earlier, later)
    if seen.origin != shown.origin:
        raise gap.fork(f"the server now shows the log {shown.origin}, and showed {seen.origin} before")
    if seen.size == shown.size:
        raise gap.fork("the log shows two roots for one size")
    return gap
