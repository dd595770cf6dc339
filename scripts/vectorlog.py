"""A small log in memory, with fixed keys, times and salts: what vectors and tests are made from.

It can do what no honest server does: put any entry anywhere, sign any head, and sign any files as a bundle.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from xase.proof import bundle
from xase.proof.archive import Limits, read_archive, write_archive
from xase.proof.bundle import BundleContents, Disclosure, build_bundle
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.checkpoint import Checkpoint, NoteSigner, sign_checkpoint
from xase.proof.digest import ZERO_DIGEST, commitment, leaf_hash, sha256_digest
from xase.proof.entry import Draft, entry_digest, format_time
from xase.proof.keys import DocumentSigner, LogSigner, WitnessSigner
from xase.proof.merkle import consistency_proof, root_hash
from xase.proof.multiproof import many_proof
from xase.proof.trust import Trust, read_trust

VECTORS: Final = Path(__file__).resolve().parents[1] / "vectors"
KEYS: Final = VECTORS / "keys"

ORIGIN: Final = "xase.example/log"
NOON: Final = 1_736_942_400_000  # 2025-01-15T12:00:00.000Z
STREAM: Final = "decisions/org_0123456789abcdef"
ACTOR: Final = {"organisation": "org_0123456789abcdef", "key": "key_0123456789abcdef"}

_PKCS8_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")


def ed25519_pem(label: str) -> str:
    """A private key that everyone knows: its seed is the SHA-256 of a label."""
    body = b64encode(_PKCS8_ED25519 + sha256(label.encode()).digest()).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


@cache
def log_signer(origin: str = ORIGIN, label: str = "log") -> LogSigner:
    """The log key of an origin."""
    return LogSigner.from_pem(origin, ed25519_pem(f"xase vectors {label}"))


@cache
def witness(name: str = "witness.example/one", time: int = NOON // 1000) -> WitnessSigner:
    """A witness that cosigns at a fixed time."""
    return WitnessSigner.from_pem(name, ed25519_pem(f"xase vectors {name}"), time)


@cache
def document_signer(name: str = "document") -> DocumentSigner:
    """The document key, or another of the published private keys."""
    return DocumentSigner.from_pem((KEYS / f"{name}.private.pem").read_text())


def trusted_keys() -> dict[str, Any]:
    """The keys a verifier of the vectors trusts, in the form of /.well-known/xase-signing-keys.json."""
    log, document = log_signer(), document_signer()
    since = format_time(NOON)
    return {
        "keys": [
            {
                "kid": log.key_id.hex(),
                "use": "log",
                "algorithm": "Ed25519",
                "public_key": log.public_pem,
                "vkey": log.vkey,
                "valid_from": since,
            },
            {
                "kid": document.key_id,
                "use": "document",
                "algorithm": "RSASSA-PKCS1-v1_5-SHA256",
                "public_key": document.public_pem,
                "valid_from": since,
            },
        ]
    }


def trust(quorum: int = 0) -> Trust:
    """Trust in the log key, the document key and one witness."""
    texts = [canonical(trusted_keys()).decode(), witness().verifier.vkey]
    return read_trust(texts, quorum=quorum)


@dataclass
class VectorLog:
    """A log whose every entry, time and head is up to the caller."""

    origin: str = ORIGIN
    raws: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    parts: dict[str, dict[str, Disclosure]] = field(default_factory=dict)
    streams: dict[str, tuple[int, str]] = field(default_factory=dict)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def append(
        self,
        type: str,
        id: str,
        body: Mapping[str, Any],
        parts: Mapping[str, Any] | None = None,
        *,
        stream: str = STREAM,
        time_ms: int | None = None,
        **place: Any,
    ) -> bytes:
        """The canonical bytes of a new entry, a second after the last; `place` overrides what the log would say."""
        disclosures = {name: _disclosure(id, name, value) for name, value in (parts or {}).items()}
        committed = {name: commitment(name, part.salt, part.value) for name, part in disclosures.items()}
        sequence, previous = self.streams.get(stream, (0, ZERO_DIGEST))
        where: dict[str, Any] = {
            "log": self.origin,
            "index": len(self.raws),
            "sequence": sequence,
            "time_ms": self.now() if time_ms is None else time_ms,
            "previous_hash": previous,
        }
        raw = Draft(type, id, stream, ACTOR, body, committed).prepare().seal(**where | place)
        self.parts[id] = disclosures
        self.put(raw, id=id, stream=stream)
        return raw

    def put(self, raw: bytes, *, id: str, stream: str = STREAM) -> None:
        """Add any bytes as the next entry."""
        sequence, _ = self.streams.get(stream, (0, ZERO_DIGEST))
        self.raws.append(raw)
        self.ids.append(id)
        self.streams[stream] = (sequence + 1, entry_digest(raw))

    def now(self) -> int:
        """The time of the next entry."""
        return NOON + 1000 * len(self.raws)

    def decide(self, id: str, **place: Any) -> bytes:
        """A decision record with every part there is."""
        number = int(id[-4:], 16)
        body = {"model_id": "credit-model-v2", "policy_id": "credit_policy_v4", "confidence": (number % 89 + 7) / 100}
        parts = {
            "input": {"age": 20 + number % 60, "income": 5000.0, "credit_history": "good"},
            "output": {"decision": "APPROVED", "score": 700 + number % 100},
            "context": {"branch": "Zürich", "ip": "192.0.2.1"},
            "explanation": {"income": 0.4, "credit_history": 0.35},
            "transaction_id": f"txn_{number:06d}",
            "principal": "service@bank.example",
        }
        return self.append("decision", id, body, parts, **place)

    def intervene(self, id: str, record_id: str, *, signer: DocumentSigner | None = None, **changes: Any) -> bytes:
        """An override of a decision, signed by the document key; `changes` go into its body after signing."""
        raw = self.raws[self.ids.index(record_id)] if record_id in self.ids else b""
        said = {
            "action": "OVERRIDE",
            "actor_email": "reviewer@bank.example",
            "evidence_urls": ["https://bank.example/evidence/1"],
            "new_outcome": {"decision": "REJECTED"},
            "reason": "income could not be confirmed",
            "record_id": record_id,
            "record_hash": entry_digest(raw),
            "signed_at": format_time(self.now()),
        }
        signature = (signer or document_signer()).sign(canonical(said))
        place = {name: changes.pop(name) for name in ("time_ms", "sequence", "previous_hash") if name in changes}
        body = {name: said.pop(name) for name in ("action", "record_id", "record_hash", "signed_at")} | changes
        return self.append("intervention", id, body, {**said, "signature": b64encode(signature).decode()}, **place)

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` entries."""
        return root_hash(map(leaf_hash, self.raws[:size]))

    def checkpoint(self, size: int | None = None, signers: Sequence[NoteSigner] | None = None, **changes: Any) -> str:
        """The signed head over the first `size` entries."""
        size = len(self.raws) if size is None else size
        facts: dict[str, Any] = {"origin": self.origin, "size": size, "root": self.root(size)} | changes
        return sign_checkpoint(Checkpoint(**facts), signers or [log_signer(self.origin)])

    def read(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        return root_hash(map(leaf_hash, self.raws[index << level : (index + 1) << level]))

    def shown(self, id: str) -> list[Disclosure]:
        """What is disclosed of an entry: of a decision its input and output, of others everything."""
        parts = self.parts.get(id, {})
        return [parts[name] for name in ("input", "output")] if "output" in parts else list(parts.values())

    def contents(self, indices: Sequence[int], start: int | None = None, **changes: Any) -> BundleContents:
        """The contents of an honest bundle of these entries under the newest head."""
        size = len(self.raws)
        facts: dict[str, Any] = {
            "bundle_id": "bundle_0123456789abcdef",
            "created_at": format_time(self.now()),
            "scope": {"model_id": "credit-model-v2"},
            "completeness": bundle.RANGE,
            "entries": [self.raws[index] for index in indices],
            "nodes": many_proof(indices, size, self.read),
            "checkpoint": self.checkpoint(),
            "checkpoint_start": None if start is None else self.checkpoint(start),
            "consistency": () if start is None else consistency_proof(start, size, self.read),
            "disclosures": [part for index in indices for part in self.shown(self.ids[index])],
            "report_html": b"<!doctype html><title>Evidence</title>\n",
        }
        return BundleContents(**facts | changes)


def _disclosure(entry: str, part: str, value: Any) -> Disclosure:
    return Disclosure(entry, part, sha256(f"{entry}/{part}".encode()).digest(), canonical(value))


def files_of(contents: BundleContents) -> dict[str, bytes]:
    """A bundle's files, without those that explain it: vectors must not change with a sentence of the leaflet."""
    files = dict(read_archive(build_bundle(contents, document_signer()), Limits()).files)
    for name in ("README.txt", "verify.sh"):
        del files[name]
    return files


def sign(files: Mapping[str, bytes], signer: DocumentSigner | None = None, /, **manifest: Any) -> bytes:
    """The archive of these files under a manifest that fits them, with any member changed as asked, signed."""
    return write_archive(signed(files, signer, **manifest))


def signed(files: Mapping[str, bytes], signer: DocumentSigner | None = None, /, **manifest: Any) -> dict[str, bytes]:
    """The files under a manifest that fits them, signed."""
    listed = {name: data for name, data in sorted(files.items()) if name not in bundle.UNLISTED}
    said = parse_canonical(files[bundle.MANIFEST]) | {
        "contents": [{"file": name, "hash": sha256_digest(listed[name])} for name in bundle.EVIDENCE if name in listed],
        "files": [{"path": name, "sha256": sha256(data).hexdigest()} for name, data in listed.items()],
    }
    text = canonical(said | manifest)
    return {**listed, bundle.MANIFEST: text, bundle.SIGNATURE: (signer or document_signer()).sign(text)}
