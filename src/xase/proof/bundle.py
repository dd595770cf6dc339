"""Evidence bundles: their files, how they are made, and the strict reading of the archive they come in.

A bundle is signed through its manifest, which names every other file by hash. The form is in docs/spec/evidence.md,
section 6; nothing here decides whether a bundle is true (`xase.proof.verify` does).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from xase.proof.archive import Archive, ArchiveError, Limits, read_archive, write_archive
from xase.proof.canonical import CanonicalError, canonical, parse_canonical
from xase.proof.checkpoint import parse_checkpoint, parse_note
from xase.proof.digest import PREFIX, format_digest, leaf_hash, sha256_digest
from xase.proof.leaflet import README_TXT, VERIFY_SH
from xase.proof.merkle import Subtree
from xase.proof.multiproof import many_nodes
from xase.proof.statements import STATEMENTS

FORMAT: Final = "xase-bundle"
VERSION: Final = 1

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signatures/bundle.sig"
ENTRIES: Final = "entries.ndjson"
PROOFS: Final = "proofs.json"
CHECKPOINT: Final = "checkpoint"
CHECKPOINT_START: Final = "checkpoint_start"
PARTS: Final = "payloads/parts.ndjson"
REPORT: Final = "report.html"
REPORT_PAPER: Final = "report.pdf"
CERTIFICATE: Final = "signatures/certificate.pem"
PUBLIC_KEY: Final = "signatures/public-key.pem"

UNLISTED: Final = frozenset({MANIFEST, SIGNATURE})
REQUIRED: Final = frozenset({MANIFEST, SIGNATURE, ENTRIES, PROOFS, CHECKPOINT})
EVIDENCE: Final = (ENTRIES, PROOFS, CHECKPOINT, CHECKPOINT_START, PARTS)

WHOLE: Final = "session/"
"""Streams of which a bundle shows everything from the first entry on, or nothing."""

RANGE: Final = "range"
SELECTION: Final = "selection"

__all__ = [
    "STATEMENTS",
    "Archive",
    "ArchiveError",
    "BundleContents",
    "Disclosure",
    "Limits",
    "build_bundle",
    "proof_nodes",
    "read_bundle",
]


class Signer(Protocol):
    """The document key, as far as bundles need it."""

    @property
    def key_id(self) -> str:
        """What tells the key among others."""

    @property
    def public_pem(self) -> str:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """RSA PKCS #1 v1.5 SHA-256 over `message`."""


_LINE: Final = re.compile(
    rb'\{"entry":"([A-Za-z0-9_.-]+)","part":"([A-Za-z0-9_.-]+)","salt":"((?:[0-9a-f]{2})*)","value":'
)


class Disclosure(NamedTuple):
    """One payload part laid open: the canonical bytes of its value and the salt of its commitment.

    `entry` and `part` are plain words (letters, digits, `_`, `.`, `-`), which JSON writes as they are.
    """

    entry: str
    part: str
    salt: bytes
    value: bytes

    def to_line(self) -> bytes:
        """The part as a line of payloads/parts.ndjson: canonical JSON, newline included."""
        names = (self.entry.encode(), self.part.encode(), self.salt.hex().encode(), self.value)
        return b'{"entry":"%b","part":"%b","salt":"%b","value":%b}\n' % names

    @classmethod
    def from_line(cls, line: bytes) -> "Disclosure":
        """The part of a line, its newline removed; raises CanonicalError for any other form."""
        match = _LINE.match(line)
        if match is None or not line.endswith(b"}"):
            raise CanonicalError("not a disclosed part")
        entry, part, salt = match.groups()
        value = line[match.end() : -1]
        parse_canonical(value)
        return cls(entry.decode(), part.decode(), bytes.fromhex(salt.decode()), value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleContents:
    """Everything a bundle is made of.

    `entries` are canonical bytes in ascending index. `completeness` is "range" when they are all the entries of their
    streams between the first and the last shown, "selection" when some between are left out. `nodes` are the hashes of
    `proof_nodes`, `consistency` the proof from `checkpoint_start` (a note, or None when the scope has no start) to
    `checkpoint`. `statements` may hold session, policy, authorization and usage, each a JSON object; `lists` files of
    `xase.proof.statements.make_lists`.
    """

    bundle_id: str
    created_at: str
    scope: Mapping[str, Any]
    completeness: str
    entries: Sequence[bytes]
    nodes: Sequence[bytes]
    checkpoint: str
    checkpoint_start: str | None = None
    consistency: Sequence[bytes] = ()
    disclosures: Sequence[Disclosure] = ()
    statements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lists: Mapping[str, bytes] = field(default_factory=dict)
    report_html: bytes | None = None
    report_pdf: bytes | None = None
    certificate_pem: str | None = None


def proof_nodes(indices: Sequence[int], size: int) -> list[Subtree]:
    """Which subtree hashes `BundleContents.nodes` needs for these entries under a checkpoint of `size`."""
    return many_nodes(indices, size)


def build_bundle(contents: BundleContents, signer: Signer) -> bytes:
    """The bundle's bytes, the same for the same contents and key.

    Raises NoteError or ArchiveError for contents that cannot be in a bundle; whether they are true is not checked.
    """
    files = _files(contents)
    files[PUBLIC_KEY] = signer.public_pem.encode()
    files[MANIFEST] = canonical(_manifest(contents, files, signer.key_id))
    files[SIGNATURE] = signer.sign(files[MANIFEST])
    return write_archive(files)


def _files(contents: BundleContents) -> dict[str, bytes]:
    """Every file the manifest lists, but the public key."""
    optional = {
        CHECKPOINT_START: contents.checkpoint_start and contents.checkpoint_start.encode(),
        PARTS: b"".join(each.to_line() for each in in_order(contents)),
        REPORT: contents.report_html,
        REPORT_PAPER: contents.report_pdf,
        **contents.lists,
        CERTIFICATE: contents.certificate_pem and contents.certificate_pem.encode(),
        **{
            f"{name}.json": canonical(dict(contents.statements[name]))
            for name in STATEMENTS
            if name in contents.statements
        },
    }
    return {
        ENTRIES: b"".join(entry + b"\n" for entry in contents.entries),
        PROOFS: canonical(_proofs(contents)),
        CHECKPOINT: contents.checkpoint.encode(),
        "README.txt": README_TXT.encode(),
        "verify.sh": VERIFY_SH.encode(),
        **{name: data for name, data in optional.items() if data},
    }


def in_order(contents: BundleContents) -> list[Disclosure]:
    """The disclosures in the order of the entries they belong to, then by part."""
    place = {parse_canonical(raw)["id"]: number for number, raw in enumerate(contents.entries)}
    return sorted(contents.disclosures, key=lambda each: (place[each.entry], each.part))


def _proofs(contents: BundleContents) -> dict[str, Any]:
    size = parse_checkpoint(parse_note(contents.checkpoint).body).size
    proofs: dict[str, Any] = {
        "tree_size": size,
        "leaves": [leaf_hash(entry).hex() for entry in contents.entries],
        "nodes": [node.hex() for node in contents.nodes],
    }
    if contents.checkpoint_start:
        start = parse_checkpoint(parse_note(contents.checkpoint_start).body)
        nodes = [node.hex() for node in contents.consistency]
        proofs["consistency"] = {"first": start.size, "second": size, "nodes": nodes}
    return proofs


def _manifest(contents: BundleContents, files: Mapping[str, bytes], key_id: str) -> dict[str, Any]:
    checkpoint = parse_checkpoint(parse_note(contents.checkpoint).body)
    digests = {name: sha256_digest(files[name]) for name in sorted(files)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "bundle_id": contents.bundle_id,
        "created_at": contents.created_at,
        "log": checkpoint.origin,
        "scope": dict(contents.scope),
        "completeness": contents.completeness,
        "entry_count": len(contents.entries),
        "checkpoint_size": checkpoint.size,
        "merkle_root": format_digest(checkpoint.root),
        "document_key": key_id,
        "contents": [{"file": name, "hash": digests[name]} for name in EVIDENCE if name in files],
        "files": [{"path": name, "sha256": digest.removeprefix(PREFIX)} for name, digest in digests.items()],
    }


def read_bundle(data: bytes, limits: Limits | None = None) -> Archive:
    """The files of a bundle's archive, with those every bundle has.

    Raises Unreadable for what is no archive or over the limits; ArchiveError for an archive that `build_bundle` would
    not have written, or that lacks a file. Whether the manifest lists the files is checked with its signature.
    """
    archive = read_archive(data, limits or Limits())
    for name in sorted(REQUIRED - archive.files.keys()):
        raise ArchiveError("is missing", name)
    return archive
