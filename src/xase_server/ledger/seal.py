"""From waiting units to one sealed batch: places, times, chain links, tree, tiles, checkpoint. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from xase.proof.checkpoint import Checkpoint
from xase.proof.digest import HASH_BYTES, ZERO_DIGEST, format_digest, leaf_hash
from xase.proof.entry import MAX_ENTRY_BYTES, EntryError
from xase.proof.merkle import CompactRange
from xase.proof.tiles import TILE_HEIGHT, TILE_WIDTH, tile_node
from xase_server.domain.entries import Append, Committed, SealedEntry, Stream, Unit
from xase_server.domain.errors import Refused
from xase_server.ledger.receipts import Receipts
from xase_server.ports import Head, SealedAppend, SealedBatch, StreamHead

ReadTile = Callable[[int, int], bytes]
Sign = Callable[[Checkpoint], str]

_NEW_STREAM: Final = StreamHead(0, ZERO_DIGEST)


class TileMissing(Exception):
    """The stored tiles do not reach to the head that is to be extended."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch ready to be written, and what each unit's caller will be told once it is."""

    batch: SealedBatch
    outcomes: Sequence[Committed | Refused]


@dataclass(slots=True)
class Place:
    """Where the next entry will stand: moves on with every entry."""

    log: str
    index: int
    time_ms: int
    streams: dict[Stream, StreamHead] = field(default_factory=dict)

    def seal(self, append: Append) -> SealedEntry:
        """The entry in this place; raises EntryError when it cannot stand in a log."""
        end = self.streams.get(append.stream, _NEW_STREAM)
        time_ms = max(self.time_ms, append.not_before_ms)
        raw = append.prepared.seal(
            log=self.log, index=self.index, sequence=end.length, time_ms=time_ms, previous_hash=end.hash
        )
        if len(raw) > MAX_ENTRY_BYTES:
            raise EntryError(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
        leaf = leaf_hash(raw)
        entry = SealedEntry(self.index, end.length, time_ms, leaf, end.hash, raw)
        self.streams[append.stream] = StreamHead(end.length + 1, format_digest(leaf))
        self.index += 1
        self.time_ms = time_ms
        return entry


def seal(
    units: Sequence[Unit],
    head: Head,
    streams: Mapping[Stream, StreamHead],
    *,
    now_ms: int,
    claim_ms: int,
    read_tile: ReadTile,
    sign: Sign,
) -> Sealed:
    """Everything that one commit of `units` on top of `head` writes.

    `streams` are the ends of the chains that the units append to, as far as they exist. Time is
    `now_ms`, but never before the head's. A unit that cannot be sealed is refused alone. Raises
    TileMissing when a tile read does not end where the head does.
    """
    place = Place(head.log, head.size, max(now_ms, head.time_ms), dict(streams))
    appends: list[SealedAppend] = []
    sealed_units: list[tuple[SealedEntry, ...] | Refused] = []
    for unit in units:
        entries = _seal_unit(unit, place)
        sealed_units.append(entries)
        if not isinstance(entries, Refused):
            appends += map(SealedAppend, unit.appends, entries)
    leaves = [each.entry.hash for each in appends]
    tree = CompactRange.from_bytes(head.size, head.compact)
    tree.extend(leaves)
    touched = {each.append.stream for each in appends}
    batch = SealedBatch(
        appends=appends,
        claims=[u.claim for u, e in zip(units, sealed_units, strict=True) if u.claim and not isinstance(e, Refused)],
        streams={name: place.streams[name] for name in touched},
        tiles=extend_tiles(head.size, leaves, read_tile),
        head=Head(
            log=head.log,
            size=tree.size,
            compact=tree.to_bytes(),
            checkpoint=sign(Checkpoint(head.log, tree.size, tree.root())),
            time_ms=place.time_ms,
            epoch=head.epoch,
        ),
        claims_expire_ms=place.time_ms + claim_ms,
    )
    proof = Receipts(head.size, head.compact, leaves, batch.head.checkpoint).of
    return Sealed(batch, [e if isinstance(e, Refused) else Committed(e, tree.size, proof) for e in sealed_units])


def _seal_unit(unit: Unit, place: Place) -> tuple[SealedEntry, ...] | Refused:
    """The unit's entries, or why it is refused; a refused unit leaves the place as it was."""
    before = place.index, place.time_ms
    sealed: list[SealedEntry] = []
    try:
        for append in unit.appends:
            sealed.append(place.seal(append))  # noqa: PERF401 - what was sealed before an error is taken back
    except EntryError as error:
        place.index, place.time_ms = before
        for append, entry in zip(reversed(unit.appends[: len(sealed)]), reversed(sealed), strict=True):
            place.streams[append.stream] = StreamHead(entry.sequence, entry.previous_hash)
        return Refused("payload_too_large", str(error), {"limit_bytes": MAX_ENTRY_BYTES})
    return tuple(sealed)


def tile_root(tile: bytes) -> bytes:
    """The root over a full tile."""
    return tile_node(tile, TILE_HEIGHT, 0)


def extend_tiles(
    size: int, leaves: Sequence[bytes], read: ReadTile, root: Callable[[bytes], bytes] = tile_root
) -> dict[tuple[int, int], bytes]:
    """Every tile that changes when `leaves` join a tree of `size`, at all levels, as it then stands.

    Raises TileMissing when a tile read does not end where the tree does.
    """
    tiles: dict[tuple[int, int], bytes] = {}
    level, position, hashes = 0, size, list(leaves)
    while hashes:
        parents: list[bytes] = []
        above = position // TILE_WIDTH
        while hashes:
            number, width = divmod(position, TILE_WIDTH)
            fitting, hashes = hashes[: TILE_WIDTH - width], hashes[TILE_WIDTH - width :]
            tile = _begun(level, number, width, read) + b"".join(fitting)
            tiles[level, number] = tile
            position += len(fitting)
            if position % TILE_WIDTH == 0:
                parents.append(root(tile))
        level, position, hashes = level + 1, above, parents
    return tiles


def _begun(level: int, number: int, width: int, read: ReadTile) -> bytes:
    begun = read(level, number) if width else b""
    if len(begun) != width * HASH_BYTES:
        raise TileMissing(f"tile {level}/{number} does not hold {width} hashes")
    return begun
