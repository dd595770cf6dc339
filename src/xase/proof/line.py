"""An entry of a bundle while it is verified: no more of it is kept than the steps need.

A parsed entry can be twenty times as large as its bytes if it was made to be. What is kept here is not: the bytes,
the place, and the commitments. The body is read again by the few rules that look into it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from xase.proof.digest import format_digest, leaf_hash
from xase.proof.entry import Entry, parse_entry


@dataclass(slots=True)
class Line:
    """One line of entries.ndjson. `shown` holds, by part, the canonical bytes of what is disclosed of it."""

    raw: bytes
    leaf: bytes
    log: str
    stream: str
    type: str
    id: str
    index: int
    sequence: int
    time: str
    previous_hash: str
    commitments: Mapping[str, str]
    shown: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry) -> "Line":
        """What is kept of an entry."""
        return cls(
            raw=entry.raw,
            leaf=leaf_hash(entry.raw),
            log=intern(entry.log),
            stream=intern(entry.stream),
            type=intern(entry.type),
            id=entry.id,
            index=entry.index,
            sequence=entry.sequence,
            time=entry.time,
            previous_hash=entry.previous_hash,
            commitments={intern(name): digest for name, digest in entry.commitments.items()},
        )

    @property
    def name(self) -> str:
        """How findings name the entry."""
        return f"entry {self.index} ({self.id})"

    @property
    def hash(self) -> str:
        """The hash in text."""
        return format_digest(self.leaf)

    @property
    def actor(self) -> Mapping[str, str]:
        """Who acted, read again."""
        return parse_entry(self.raw).actor

    @property
    def body(self) -> Mapping[str, Any]:
        """What the entry says openly, read again."""
        return parse_entry(self.raw).body
