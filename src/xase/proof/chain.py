"""The chain of one stream: each entry names the hash of the one before it, and its own number."""

from collections.abc import Iterable
from dataclasses import dataclass

from xase.proof.digest import ZERO_DIGEST
from xase.proof.entry import FIRST_SEQUENCE, Entry


class ChainError(ValueError):
    """An entry does not follow the one before it."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a stream stands: the next sequence number and the hash it must name."""

    sequence: int = FIRST_SEQUENCE
    hash: str = ZERO_DIGEST


GENESIS = Link()
"""Where every stream begins."""


def follow(link: Link, entry: Entry) -> Link:
    """Where the stream stands after `entry`; raises ChainError unless it follows `link`."""
    if entry.sequence != link.sequence:
        raise ChainError(f"entry {entry.id} has sequence {entry.sequence}, expected {link.sequence}")
    if entry.previous_hash != link.hash:
        raise ChainError(f"entry {entry.id} does not name the hash of the entry before it")
    return Link(entry.sequence + 1, entry.hash)


def verify_chain(entries: Iterable[Entry], start: Link = GENESIS) -> Link:
    """Where one stream stands after `entries`, in order, from `start`; ChainError where it breaks."""
    link, stream = start, None
    for entry in entries:
        if stream not in (None, entry.stream):
            raise ChainError(f"entry {entry.id} is of another stream")
        stream = entry.stream
        link = follow(link, entry)
    return link
