"""The chain of one stream: each entry names the hash of the one before it, and its own number."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from xase.proof.digest import ZERO_DIGEST, format_digest, leaf_hash
from xase.proof.entry import FIRST_SEQUENCE, Entry, parse_entry


class ChainError(ValueError):
    """An entry does not follow the one before it."""


class Link(NamedTuple):
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


_PLACE: Final = re.compile(
    rb',"index":([0-9]+),"log":"([^"\\]+)","previous_hash":"(sha256:[0-9a-f]{64})","sequence":([0-9]+)'
    rb',"stream":"([^"\\]+)","time":"([0-9TZ.:-]{24})","type":"[^"\\]+","v":1\}\Z'
)
"""The end of an entry of today's form. Nothing nested can look like it: what closes last is the entry itself."""


class Walk:
    """Follows a whole log, entry by entry, through all its streams; fast enough to re-read millions.

    Checks each entry's place (log, index, stream, sequence, link, time), which it reads from the entry's end. That the
    bytes are canonical is `parse_entry`'s matter; under a signed checkpoint they are the bytes that were sealed.
    """

    __slots__ = ("index", "links", "log", "time")

    def __init__(self, log: str, *, index: int = 0, time: str = "", links: Mapping[str, Link] | None = None) -> None:
        self.log = log
        self.index = index
        self.time = time
        self.links = dict(links or {})

    def step(self, raw: bytes) -> bytes:
        """The leaf hash of the next entry; raises ChainError, or EntryError for what is none, and then stays put."""
        leaf = leaf_hash(raw)
        log, index, stream, sequence, previous, time = _place(raw)
        link = self.links.get(stream, GENESIS)
        if (index, log) != (self.index, self.log):
            raise ChainError(f"index {self.index}: found index {index} of log {log}")
        if sequence != link.sequence:
            raise ChainError(f"index {index}: has sequence {sequence} in {stream}, expected {link.sequence}")
        if previous != link.hash:
            raise ChainError(f"index {index}: does not name the hash of the entry before it in {stream}")
        if time < self.time:
            raise ChainError(f"index {index}: the clock runs back, from {self.time} to {time}")
        self.links[stream] = Link(sequence + 1, format_digest(leaf))
        self.index, self.time = index + 1, time
        return leaf


def _place(raw: bytes) -> tuple[str, int, str, int, str, str]:
    """Log, index, stream, sequence, previous hash and time."""
    match = _PLACE.search(raw)
    if match is None:
        entry = parse_entry(raw)
        return entry.log, entry.index, entry.stream, entry.sequence, entry.previous_hash, entry.time
    index, log, previous, sequence, stream, time = match.groups()
    return log.decode(), int(index), stream.decode(), int(sequence), previous.decode(), time.decode()
