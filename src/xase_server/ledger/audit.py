"""Reading the whole log again: is every hash, link, tile, checkpoint, payload and derived row what it must be?

The store is read in pieces, each under a view of its own, while appends go on; memory does not grow
with the log. What is found is named by index and id, and nothing is mended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from msgspec import DecodeError

from xase.proof.checkpoint import Checkpoint, NoteError, NoteVerifier, open_checkpoint
from xase.proof.digest import HASH_BYTES, ZERO_DIGEST, format_digest, leaf_hash
from xase.proof.merkle import CompactRange, ProofError
from xase.proof.tiles import TILE_HEIGHT, TILE_WIDTH, TileError
from xase_server.domain.entries import Stream
from xase_server.ledger.derived import DerivedCheck
from xase_server.ledger.findings import Finding, Findings
from xase_server.ledger.line import Line, Placed, read_line
from xase_server.ledger.read import Tree, tile_layers
from xase_server.ledger.seal import TileMissing, extend_tiles
from xase_server.ports import Head, Reads, Storage, StreamHead

PIECE: Final = 16 * TILE_WIDTH
"""Entries read at once."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit looked at and found: entries from `start` to before `size`."""

    log: str
    start: int
    size: int
    checkpoints: int
    findings: Sequence[Finding]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def audit(
    storage: Storage, log_verifiers: Sequence[NoteVerifier], *, start: int = 0, progress: Progress | None = None
) -> AuditReport:
    """Check the log from entry `start`, or a little before, to its present end.

    `progress` is told (entries checked, entries in all) after each piece. Raises StorageUnavailable
    when the store cannot be read.
    """
    head = storage.read(lambda reads: reads.head())
    begin = min(start, head.size) // TILE_WIDTH * TILE_WIDTH
    check = _Audit(head, begin, log_verifiers)
    for first in range(begin, head.size, PIECE):
        last = min(first + PIECE, head.size)
        storage.read(partial(check.piece, first=first, last=last))
        if progress is not None:
            progress(last - begin, head.size - begin)
    storage.read(check.end)
    return AuditReport(head.log, begin, head.size, check.checkpoints, check.findings.found)


class _Computed:
    """The tiles as they must be; what lies left of the audit's beginning is taken from the store."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")


class _Audit:
    """The state that is carried from piece to piece."""

    def __init__(self, head: Head, begin: int, verifiers: Sequence[NoteVerifier]) -> None:
        self.findings = Findings()
        self.checkpoints = 0
        self._head = head
        self._begin = begin
        self._verifiers = verifiers
        self._streams: dict[str, StreamHead] = {}
        self._time = ""
        self._computed = _Computed()
        self._derived = DerivedCheck(self.findings, complete=begin == 0)
        self._checkpointed = begin

    def piece(self, reads: Reads, first: int, last: int) -> None:
        """Check entries `first` to `last` − 1 and all that belongs to them."""
        raws = reads.entries(first, last - first)
        if len(raws) != last - first:
            self.findings.add(first + len(raws), "", "entries are missing here")
        leaves = [leaf_hash(raw) for raw in raws]
        placed = (self._entry(reads, *each) for each in zip(count(first), raws, leaves, strict=False))
        entries = [each for each in placed if each is not None]
        self._tiles(reads, first, leaves, {each.at: each.line.id for each in entries})
        self._checkpoints(reads, first + len(raws))
        self._derived.piece(reads, first, last - first, entries)

    # ------------------------------------------------------------------ entries and chains

    def _entry(self, reads: Reads, index: int, raw: bytes, leaf: bytes) -> Placed | None:
        try:
            line = read_line(raw)
        except DecodeError as error:
            self.findings.add(index, "", f"not an entry: {error}")
            return None
        if line.log != self._head.log or line.index != index:
            self.findings.add(index, line.id, "the entry names another log or index")
        end = self._streams.get(line.stream) or self._end_before(reads, line, index)
        if line.sequence != end.length or line.previous_hash != end.hash:
            self.findings.add(index, line.id, f"the chain {line.stream} is broken before this entry")
        self._streams[line.stream] = StreamHead(line.sequence + 1, format_digest(leaf))
        if line.time < self._time:  # instants of this one form sort as text
            self.findings.add(index, line.id, "time runs backwards")
        self._time = line.time
        return Placed(index, raw, line)

    def _end_before(self, reads: Reads, line: Line, index: int) -> StreamHead:
        """Where a chain stood when it is met for the first time."""
        if self._begin and line.sequence:
            found = reads.stream_entries(Stream(line.stream), line.sequence - 1, 1)
            if found and found[0][0] < min(self._begin, index):
                return StreamHead(line.sequence, format_digest(leaf_hash(found[0][1])))
        return StreamHead(0, ZERO_DIGEST)

    # ------------------------------------------------------------------ the tree

    def _tiles(self, reads: Reads, first: int, leaves: Sequence[bytes], ids: Mapping[int, str]) -> None:
        computed = self._computed.tiles

        def read(level: int, number: int) -> bytes:
            width = (first >> TILE_HEIGHT * level) % TILE_WIDTH
            return computed.get((level, number)) or reads.tile(level, number)[: width * HASH_BYTES]

        try:
            tiles = extend_tiles(first, leaves, read, _root)
        except TileMissing as error:
            self.findings.add(first, "", str(error))
            return
        for (level, number), tile in tiles.items():
            stored = reads.tile(level, number)
            for place in _differences(stored, tile):
                at = (number * TILE_WIDTH + place) << TILE_HEIGHT * level
                what = f"not what the stored tile {level}/{number} is over" if level else "not the entry in the tree"
                self.findings.add(at, ids.get(at, ""), what)
        edge = dict(sorted(computed.keys() | tiles.keys()))  # level → the last tile's number
        self._computed.tiles = {
            at: tile for at, tile in (computed | tiles).items() if at in tiles or edge[at[0]] == at[1]
        }

    def _checkpoints(self, reads: Reads, last: int) -> None:
        """Check every checkpoint up to this size against the tree as computed."""
        tree = Tree(self._computed if self._begin == 0 else _Overlaid(self._computed, reads))
        while found := reads.checkpoints(self._checkpointed, PIECE):
            for size, note in found:
                if size > last:
                    return
                self._checkpoint(tree, size, note)
                self._checkpointed = size
                self.checkpoints += 1

    def _checkpoint(self, tree: Tree, size: int, note: str) -> None:
        try:
            signed = open_checkpoint(note, self._verifiers)
            if signed != Checkpoint(self._head.log, size, tree.root(size)):
                self.findings.add(size - 1, "", f"the checkpoint of {size} entries is of another tree")
        except (NoteError, TileError, ProofError) as error:
            self.findings.add(size - 1, "", f"the checkpoint of {size} entries: {error}")

    # ------------------------------------------------------------------ the end

    def end(self, reads: Reads) -> None:
        """Check what only makes sense when all entries have been seen."""
        self._check_head()
        if self._begin == 0 and reads.head().size == self._head.size:
            self._check_streams(reads)
            self._derived.end(reads)

    def _check_head(self) -> None:
        size = self._head.size
        if size == 0:
            return
        if self._checkpointed != size:
            self.findings.add(size - 1, "", "the newest entries are under no checkpoint")
        try:
            signed = open_checkpoint(self._head.checkpoint, self._verifiers)
            root = CompactRange.from_bytes(size, self._head.compact).root()
        except (NoteError, ProofError) as error:
            self.findings.add(size - 1, "", f"the head is damaged: {error}")
            return
        if signed != Checkpoint(self._head.log, size, root):
            self.findings.add(size - 1, "", "the head's checkpoint is of another tree")

    def _check_streams(self, reads: Reads) -> None:
        stored = dict(_all_streams(reads))
        for name in stored.keys() | self._streams.keys():
            if stored.get(Stream(name)) != self._streams.get(name):
                self.findings.add(self._head.size - 1, "", f"the end of the chain {name} is not where its entries end")


class _Overlaid:
    """Computed tiles where there are any; the store's for what lies left of the audit's beginning."""

    def __init__(self, computed: _Computed, reads: Reads) -> None:
        self._computed = computed
        self._reads = reads

    def tile(self, level: int, number: int) -> bytes:
        return self._computed.tile(level, number) or self._reads.tile(level, number)


def _differences(stored: bytes, tile: bytes) -> list[int]:
    """The places in a tile where the stored hash is not the one it must be."""
    if stored[: len(tile)] == tile:
        return []
    hashes = range(0, len(tile), HASH_BYTES)
    return [at // HASH_BYTES for at in hashes if stored[at : at + HASH_BYTES] != tile[at : at + HASH_BYTES]]


def _root(tile: bytes) -> bytes:
    return tile_layers(tile)[TILE_HEIGHT]


def _all_streams(reads: Reads) -> Iterator[tuple[Stream, StreamHead]]:
    after = ""
    while found := reads.streams(after, PIECE):
        yield from found
        after = found[-1][0]
