"""Signed tree heads: C2SP tlog-checkpoint inside a C2SP signed note, and witness cosignatures.

This module knows the text; signing and verifying are arguments (`xase.proof.keys`). Sources:
c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from xase.proof.digest import HASH_BYTES

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04

KEY_ID_BYTES: Final = 4
MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
MAX_SIZE: Final = 2**63 - 1

_CHECKPOINT_LINES: Final = 3
_MIN_KEY: Final = 2  # an algorithm and something to go with it
_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_VKEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]+")


class NoteError(ValueError):
    """The note or checkpoint is malformed, or not signed by whom it must be."""


class NoteSigner(Protocol):
    """Signs notes under a name."""

    @property
    def name(self) -> str:
        """The name on the signature line."""

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell the key among others of the name."""

    def sign(self, message: bytes) -> bytes:
        """The signature over a note's body."""


class NoteVerifier(Protocol):
    """Knows one key that may have signed a note."""

    @property
    def name(self) -> str:
        """The name on the signature line."""

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell the key among others of the name."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (what follows the key id) is this key's over a note's body."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note: who claims to have signed, by which key, with what bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line as it stands in the note."""
        return f"— {self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note: its body, which ends in a newline, and the signatures under it."""

    body: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, its size, and the 32-byte root over all its entries."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def body(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def note_key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """The key id: the first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key)."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:KEY_ID_BYTES]


def check_name(name: str) -> str:
    """`name`, if it can stand on a signature line; else NoteError."""
    if not _NAME.fullmatch(name):
        raise NoteError("a key's name has no spaces, no plus signs and no control characters")
    return name


def format_vkey(name: str, algorithm: int, public: bytes) -> str:
    """A public key as one line: name+key id+base64(algorithm ‖ key)."""
    key_id = note_key_id(check_name(name), algorithm, public).hex()
    return f"{name}+{key_id}+{b64encode(bytes([algorithm]) + public).decode()}"


def parse_vkey(text: str) -> tuple[str, int, bytes]:
    """Name, algorithm and public key of a line; NoteError unless the key id belongs to them."""
    match = _VKEY.fullmatch(text.strip())
    if match is None:
        raise NoteError("not a verifier key: expected name+id+key")
    name, key_id, encoded = match.groups()
    key = _base64(encoded)
    if len(key) < _MIN_KEY or note_key_id(name, key[0], key[1:]).hex() != key_id:
        raise NoteError("the verifier key's id does not belong to its key")
    return name, key[0], key[1:]


def _base64(text: str) -> bytes:
    """The bytes of canonical base64: exactly what encoding them gives again."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise NoteError("malformed base64") from error
    if b64encode(data).decode() != text:
        raise NoteError("malformed base64")
    return data


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[NoteSigner]) -> str:
    """The checkpoint as a note signed by each signer, in order."""
    body = checkpoint.body()
    message = body.encode()
    lines = [Signature(who.name, who.key_id, who.sign(message)).line() for who in signers]
    return f"{body}\n{''.join(lines)}"


def parse_note(text: str) -> Note:
    """The body and signatures of a note, none of them checked; NoteError if it is not one."""
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not body or not tail.endswith("\n"):
        raise NoteError("not a signed note")
    if len(text) > MAX_NOTE_BYTES or _CONTROL.search(text):
        raise NoteError("not a signed note: too long, or with control characters")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note has at most {MAX_SIGNATURES} signatures")
    return Note(body + "\n", tuple(map(_parse_signature, lines)))


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise NoteError("malformed signature line")
    data = _base64(match[2])
    if len(data) <= KEY_ID_BYTES:
        raise NoteError("malformed signature line")
    return Signature(match[1], data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def parse_checkpoint(body: str) -> Checkpoint:
    """The checkpoint that a note's body is; NoteError if it is none."""
    lines = body.removesuffix("\n").split("\n")
    if len(lines) < _CHECKPOINT_LINES or not body.endswith("\n"):
        raise NoteError("not a checkpoint: expected origin, size and root")
    origin, size, root, *extensions = lines
    if not origin or not _SIZE.fullmatch(size) or int(size) > MAX_SIZE or "" in extensions:
        raise NoteError("not a checkpoint: expected origin, size and root")
    digest = _base64(root)
    if len(digest) != HASH_BYTES:
        raise NoteError("a checkpoint's root has 32 bytes")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def signers_of(note: Note, verifiers: Iterable[NoteVerifier]) -> list[NoteVerifier]:
    """The verifiers whose key signed the note.

    Signatures of unknown keys are passed over. A known key with a false signature makes the whole
    note void: NoteError.
    """
    message = note.body.encode()
    found: list[NoteVerifier] = []
    for verifier in verifiers:
        claims = _claims(note, verifier)
        if not all(verifier.verify(message, claim.signature) for claim in claims):
            raise NoteError(f"the signature by {verifier.name} is false")
        found += [verifier] if claims else []
    return found


def _claims(note: Note, verifier: NoteVerifier) -> list[Signature]:
    wanted = (verifier.name, verifier.key_id)
    return [claim for claim in note.signatures if (claim.name, claim.key_id) == wanted]


def open_checkpoint(note: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """The checkpoint of a note signed by at least one of `verifiers` under its own origin.

    Raises NoteError for anything malformed, for a false signature by a known key, and when no known
    key whose name is the checkpoint's origin has signed.
    """
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.body)
    signers = signers_of(parsed, verifiers)
    if not any(signer.name == checkpoint.origin for signer in signers):
        raise NoteError("not signed by a trusted key of the log it names")
    return checkpoint
