"""Before the first append: does this database continue the history that is remembered outside it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from xase.proof.checkpoint import Checkpoint, NoteError, NoteVerifier, open_checkpoint
from xase.proof.merkle import CompactRange, ProofError
from xase.proof.tiles import TileError
from xase_server.ledger.audit import audit
from xase_server.ledger.head import read_held, write_held
from xase_server.ledger.read import Tree
from xase_server.ports import Head, Reads, Storage

TAIL: Final = 512
"""How many of the newest entries are audited before the first append."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why nothing may be appended; an operator may accept some of them."""

    reason: str
    may_be_accepted: bool


def find_objection(storage: Storage, verifiers: Sequence[NoteVerifier], head_file: Path | None) -> Objection | None:
    """What speaks against appending to this log; None when nothing does.

    The head must be what its checkpoint says, signed by one of `verifiers`, and must extend the
    checkpoint that `head_file` holds (docs/spec/evidence.md, section 4).
    """
    return storage.read(lambda reads: _find(reads, verifiers, head_file))


def find_damage(storage: Storage, verifiers: Sequence[NoteVerifier]) -> Objection | None:
    """What the audit of the log's newest entries finds; None when it is clean."""
    size = storage.read(lambda reads: reads.head()).size
    if size == 0:
        return None
    report = audit(storage, verifiers, start=max(0, size - TAIL))
    if report.clean:
        return None
    first = report.findings[0]
    where = f"entry {first.index}" + (f", {first.id}" if first.id else "")
    return Objection(f"The end of the log in the database is damaged ({where}): {first.message}", may_be_accepted=True)


def accept(storage: Storage, head_file: Path | None) -> None:
    """An operator has decided that this database is right: hold its head from now on, and say so by a new epoch."""
    storage.raise_epoch()
    head = storage.read(lambda reads: reads.head())
    if head_file is not None:
        if head.checkpoint:
            write_held(head_file, head.checkpoint)
        else:
            head_file.unlink(missing_ok=True)


def _find(reads: Reads, verifiers: Sequence[NoteVerifier], head_file: Path | None) -> Objection | None:
    head = reads.head()
    if reason := _own_problem(head, verifiers):
        return Objection(reason, may_be_accepted=False)
    try:
        held = read_held(head_file) if head_file is not None else None
        if held is None:
            return None
        checkpoint = open_checkpoint(held, verifiers)
    except (OSError, UnicodeDecodeError, NoteError) as error:
        return Objection(f"The head held outside the database cannot be read: {error}", may_be_accepted=True)
    reason = _held_problem(reads, head, checkpoint)
    return Objection(reason, may_be_accepted=True) if reason else None


def _own_problem(head: Head, verifiers: Sequence[NoteVerifier]) -> str | None:
    if head.size == 0:
        return None
    try:
        checkpoint = open_checkpoint(head.checkpoint, verifiers)
        root = CompactRange.from_bytes(head.size, head.compact).root()
    except (NoteError, ProofError) as error:
        return f"The head in the database is damaged: {error}"
    if checkpoint != Checkpoint(head.log, head.size, root):
        return "The head in the database is damaged: its checkpoint is of another tree"
    return None


def _held_problem(reads: Reads, head: Head, held: Checkpoint) -> str | None:
    if held.origin != head.log:
        return f"The head held outside the database is of another log, {held.origin}"
    if held.size > head.size:
        return (
            f"The database ends at {head.size} entries, but {held.size} were signed: "
            "its tail is missing, or an older copy was restored"
        )
    try:
        root = Tree(reads).root(held.size)
    except (ProofError, TileError) as error:
        return f"The tree in the database is damaged: {error}"
    if root != held.root:
        return f"The database does not contain the {held.size} entries that were signed: its history is another one"
    return None
