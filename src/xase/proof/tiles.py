"""C2SP tlog-tiles: how a Merkle tree lies in files of 256 hashes.

A tile at `level` L and `number` N holds, 32 bytes each, the roots of the complete subtrees of
2^(8·L) leaves number N·256 to N·256+255; a partial tile holds the first `width` of them. Source:
c2sp.org/tlog-tiles.
"""

import re
from collections.abc import Iterable
from typing import Final

from xase.proof.digest import HASH_BYTES, node_hash

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
MAX_TILE_LEVEL: Final = 63 // TILE_HEIGHT

_PATH: Final = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<number>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class TileError(ValueError):
    """A tile path, tile or entry bundle is malformed."""


def _number(number: int) -> str:
    """The number in groups of three digits, all but the last marked by x: x001/x234/067."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Where a hash tile lies: `tile/0/x001/067`, or `tile/0/x001/067.p/12` when partial."""
    return f"tile/{level}/{_suffix(number, width)}"


def entry_bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Where the entries of a level 0 tile lie: `tile/entries/x001/067`."""
    return f"tile/entries/{_suffix(number, width)}"


def _suffix(number: int, width: int) -> str:
    if number < 0 or not 1 <= width <= TILE_WIDTH:
        raise TileError("a tile has a number from 0 and a width from 1 to 256")
    return _number(number) + (f".p/{width}" if width < TILE_WIDTH else "")


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Level (None for an entry bundle), number and width of a path; TileError for any other."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise TileError("not a tile path")
    level = None if match["level"] == "entries" else int(match["level"])
    number = int(match["number"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    wanted = entry_bundle_path(number, width) if level is None else tile_path(level, number, width)
    if wanted != path:
        raise TileError("not a tile path")
    return level, number, width


def encode_entry_bundle(entries: Iterable[bytes]) -> bytes:
    """The entries, each behind its length as two big-endian bytes."""
    try:
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    except OverflowError as error:
        raise TileError("an entry is longer than 65,535 bytes") from error


def decode_entry_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises TileError when lengths and data disagree."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or start > len(data):
            raise TileError("an entry bundle ends in the middle of an entry")
        entries.append(data[start:at])
    return entries


def tile_node(data: bytes, offset_level: int, index: int) -> bytes:
    """The root of one complete subtree inside a tile.

    `data` are the tile's hashes, `offset_level` 0 to 8 the subtree's height above them, `index` its
    number at that height, counted from the tile's left edge. Raises TileError when the tile is not
    wide enough.
    """
    span = HASH_BYTES << max(offset_level, 0)
    nodes = data[index * span : (index + 1) * span]
    if len(nodes) != span or not 0 <= offset_level <= TILE_HEIGHT:
        raise TileError("the tile does not hold this subtree")
    hashes = [nodes[at : at + HASH_BYTES] for at in range(0, span, HASH_BYTES)]
    while len(hashes) > 1:
        hashes = list(map(node_hash, hashes[::2], hashes[1::2]))
    return hashes[0]
