"""The public keys of this log, present and past (docs/spec/evidence.md, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xase.proof.entry import format_time, parse_time
from xase.proof.keys import DocumentVerifier, LogVerifier

Use = Literal["log", "document"]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key with its period; `valid_to_ms` is None for the key in use."""

    use: Use
    verifier: LogVerifier | DocumentVerifier
    valid_from_ms: int
    valid_to_ms: int | None = None

    def view(self) -> dict[str, str]:
        """The key as `/.well-known/xase-signing-keys.json` lists it."""
        view = {
            "use": self.use,
            "public_key": self.verifier.public_pem,
            "valid_from": format_time(self.valid_from_ms),
        }
        if isinstance(self.verifier, LogVerifier):
            view |= {"kid": self.verifier.key_id.hex(), "algorithm": "Ed25519", "vkey": self.verifier.vkey}
        else:
            view |= {"kid": self.verifier.key_id, "algorithm": "RSASSA-PKCS1-v1_5-SHA256"}
        if self.valid_to_ms is not None:
            view["valid_to"] = format_time(self.valid_to_ms)
        return view


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that may have signed this log's checkpoints and bundles; the ones in use come first."""

    keys: Sequence[PublicKey]

    def view(self) -> dict[str, Any]:
        """The body of `/.well-known/xase-signing-keys.json`."""
        return {"keys": [key.view() for key in self.keys]}

    @property
    def log_verifiers(self) -> tuple[LogVerifier, ...]:
        """The keys of checkpoints."""
        return tuple(key.verifier for key in self.keys if isinstance(key.verifier, LogVerifier))

    @property
    def document_verifiers(self) -> tuple[DocumentVerifier, ...]:
        """The keys of bundles and interventions."""
        return tuple(key.verifier for key in self.keys if isinstance(key.verifier, DocumentVerifier))


def read_key(view: dict[str, str]) -> PublicKey:
    """The key that `PublicKey.view` shows."""
    use: Use = "log" if view["use"] == "log" else "document"
    verifier = LogVerifier.from_vkey(view["vkey"]) if use == "log" else DocumentVerifier(view["public_key"])
    ends = parse_time(view["valid_to"]) if "valid_to" in view else None
    return PublicKey(use, verifier, parse_time(view["valid_from"]), ends)
