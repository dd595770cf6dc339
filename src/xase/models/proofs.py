"""Ledger entries, checkpoints, and proofs that verify themselves."""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from xase.errors import ConfigurationError, EvidenceError, UntrustedKey
from xase.models.model import Document, Facts, Model

if TYPE_CHECKING:
    from xase.proof.checkpoint import NoteVerifier

_VERIFIER_LINE: Final = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]")  # name+key id+key: c2sp.org/signed-note


class Proof(Model):
    """One ledger entry with its inclusion proof and a signed checkpoint: verifies offline, for ever.

    `hash` is the entry's hash, `inclusion_path` leads from it to the root of the tree of
    `tree_size`, `checkpoint` is the signed note over that root. The proof of a record also says who
    its chain neighbours are; `disclosed` holds the parts behind the entry's commitments, with salts.
    """

    __slots__ = ()
    _kinds: ClassVar = {"entry": Facts}

    record_id: str | None
    id: str | None
    type: str | None
    hash: str | None
    previous_hash: str | None
    next_hash: str | None
    entry: Facts
    index: int
    tree_size: int
    inclusion_path: Sequence[str]
    checkpoint: str
    disclosed: Document | None

    def verify(self, key: str | PathLike[str]) -> "LedgerEntry":
        """The entry, once it is proven to be in the log of a key the caller trusts.

        `key` is a verifier line, the JSON of `/.well-known/xase-signing-keys.json`, or a file that
        holds either. Nothing inside the proof is trusted, and nothing is fetched. Raises
        EvidenceError for everything that does not prove it.
        """
        from xase.proof.keys import KeyMaterialError
        from xase.proof.trust import read_trust

        try:
            trust = read_trust([key_text(key)])
        except KeyMaterialError as error:
            raise UntrustedKey(f"not a key to trust: {error}") from error
        return self.verify_under(trust.log_keys)

    def verify_under(self, log_keys: "Sequence[NoteVerifier]") -> "LedgerEntry":
        """As `verify`, with keys that were read before."""
        from xase.proof.checkpoint import NoteError
        from xase.proof.entry import EntryError
        from xase.proof.merkle import ProofError
        from xase.proof.receipt import verify_receipt

        try:
            entry = verify_receipt(self.to_dict(), *log_keys)
        except (NoteError, EntryError, ProofError) as error:
            raise EvidenceError(str(error)) from error
        if self.hash is not None and self.hash != entry.hash:
            raise EvidenceError("the hash that was named is not the proven entry's")
        return LedgerEntry(entry.fields)


def key_text(key: str | PathLike[str]) -> str:
    """The text of a key that is given itself or by the name of its file. Raises ConfigurationError."""
    if isinstance(key, str) and (key.lstrip().startswith(("{", "-----BEGIN")) or _VERIFIER_LINE.match(key)):
        return key
    try:
        return Path(key).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"no key: {key} cannot be read") from error


class LedgerEntry(Model):
    """One entry of the ledger: commitments and links, no personal data."""

    __slots__ = ()
    _kinds: ClassVar = {"actor": Facts, "body": Facts, "commitments": Facts}

    v: int
    log: str
    stream: str
    sequence: int
    index: int
    type: str
    id: str
    time: str
    actor: Facts
    body: Facts
    commitments: Facts
    previous_hash: str

    @property
    def hash(self) -> str:
        """The entry's hash, made from its content: what `previous_hash` of the next one in its stream names."""
        from xase.proof.canonical import canonical
        from xase.proof.entry import entry_digest

        return entry_digest(canonical(self.to_dict()))


class Checkpoint(Model):
    """A signed head of the log: `root` over the first `size` entries; `note` is what was signed (C2SP)."""

    __slots__ = ()

    origin: str
    size: int
    root: str
    note: str
