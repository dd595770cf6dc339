"""Reading the log: proofs, receipts and the public tile layout. Nothing here writes or keeps state."""

from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Protocol

from msgspec import Raw, Struct, json

from xase.proof.checkpoint import Checkpoint, parse_checkpoint, parse_note
from xase.proof.digest import HASH_BYTES
from xase.proof.merkle import EMPTY_ROOT, consistency_proof, inclusion_proof, read_subtrees, subtree
from xase.proof.receipt import make_receipt
from xase.proof.tiles import TILE_HEIGHT, TILE_WIDTH, TileError, encode_entry_bundle
from xase_server.domain.errors import not_found
from xase_server.ports import Reads

_TILES_REMEMBERED: Final = 512
"""Of 16 kB each."""

Layers = tuple[bytes, ...]


class Tiles(Protocol):
    """Whatever gives the hashes of a tile, empty when there is none."""

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far."""
        ...


@lru_cache(maxsize=_TILES_REMEMBERED)
def tile_layers(tile: bytes) -> Layers:
    """All complete subtrees inside a tile, by height above its hashes.

    Proofs near each other, and all proofs to one size, share tiles: made once, a proof costs look-ups.
    """
    layers = [tile]
    while len(tile) > HASH_BYTES:
        pairs = range(0, len(tile) - HASH_BYTES, 2 * HASH_BYTES)
        tile = b"".join([sha256(b"\x01" + tile[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
        layers.append(tile)
    return tuple(layers)


class Tree:
    """The Merkle tree as its tiles hold it; they must not change meanwhile.

    Raises TileError when a tile is missing or too short for what the tree's size says.
    """

    def __init__(self, tiles: Tiles) -> None:
        self._source = tiles
        self._seen: dict[tuple[int, int], Layers] = {}

    def node(self, level: int, index: int) -> bytes:
        """The root of the complete subtree `index` of 2^`level` leaves."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        number, place = divmod(index, TILE_WIDTH >> height)
        layers = self._tile(tile_level, number)
        layer = layers[height] if height < len(layers) else b""
        found = layer[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        if len(found) != HASH_BYTES:
            raise TileError(f"tile {tile_level}/{number} is missing or too short")
        return found

    def _tile(self, level: int, number: int) -> Layers:
        layers = self._seen.get((level, number))
        if layers is None:
            layers = self._seen[level, number] = tile_layers(self._source.tile(level, number))
        return layers

    def root(self, size: int) -> bytes:
        """The root of the tree as it was at `size`."""
        return read_subtrees([subtree(0, size)], self.node)[0] if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of entry `index` in the tree of `size`, leaf to root."""
        return inclusion_proof(index, size, self.node)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that the tree of `second` entries begins with that of `first`."""
        return consistency_proof(first, second, self.node)


class _Placed(Struct):
    index: int


_place: Final = json.Decoder(_Placed).decode


def covering_checkpoint(reads: Reads, index: int) -> tuple[Checkpoint, str]:
    """The first checkpoint that covers this entry, parsed and as signed.

    It never changes, so neither do the proofs made under it. Raises `not_found` beyond the log's end.
    """
    note = reads.checkpoint(index + 1)
    if note is None:
        raise not_found("checkpoint", str(index + 1))
    return parse_checkpoint(parse_note(note).body), note


def receipt(reads: Reads, raw: bytes) -> dict[str, Any]:
    """The complete offline proof of the stored entry with these canonical bytes."""
    index = _place(raw).index
    checkpoint, note = covering_checkpoint(reads, index)
    path = Tree(reads).inclusion(index, checkpoint.size)
    return make_receipt(raw, index, checkpoint.size, path, note, read=Raw)


def hash_tile(reads: Reads, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
    """The bytes of a public hash tile (C2SP tlog-tiles); `not_found` when the tree does not fill that width yet."""
    tile = reads.tile(level, number)
    if len(tile) < width * HASH_BYTES:
        raise not_found("tile", f"{level}/{number}")
    return tile[: width * HASH_BYTES]


def entry_bundle(reads: Reads, number: int, width: int = TILE_WIDTH) -> bytes:
    """The entries of a level 0 tile, each behind its length; `not_found` when there are fewer than `width`."""
    entries = reads.entries(number * TILE_WIDTH, width)
    if len(entries) < width:
        raise not_found("tile", f"entries/{number}")
    return encode_entry_bundle(entries)
