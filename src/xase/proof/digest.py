"""Hashes, and how they are written. All are SHA-256, raw as 32 bytes, in text as `sha256:` + hex."""

import re
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
PREFIX: Final = "sha256:"

ZERO_DIGEST: Final = PREFIX + "0" * 64
"""What the first entry of a stream names as its predecessor."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_COMMITMENT_LABEL: Final = b"xase/commit/v1\n"


def leaf_hash(data: bytes) -> bytes:
    """The RFC 6962 hash of a leaf: SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The RFC 6962 hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def format_digest(raw: bytes) -> str:
    """The text of a raw hash."""
    return PREFIX + raw.hex()


def is_digest(text: object) -> bool:
    """Whether `text` is `sha256:` and 64 lower-case hex digits."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def parse_digest(text: str) -> bytes:
    """The 32 raw bytes of a digest's text; raises ValueError for any other form."""
    if not is_digest(text):
        raise ValueError("not a digest: expected sha256: and 64 lower-case hex digits")
    return bytes.fromhex(text[len(PREFIX) :])


def sha256_digest(data: bytes) -> str:
    """The plain SHA-256 of `data`, in text: what names a file."""
    return PREFIX + sha256(data).hexdigest()


def commitment(name: str, salt: bytes, part: bytes) -> str:
    """What an entry holds in place of a payload part.

    `part` are the canonical bytes of the part's value, `salt` 32 random bytes of its own. Without
    the salt the commitment tells nothing about the part: destroying both is erasure.
    """
    return PREFIX + sha256(_COMMITMENT_LABEL + name.encode() + b"\x00" + salt + part).hexdigest()
