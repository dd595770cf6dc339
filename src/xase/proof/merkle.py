"""The RFC 6962 / RFC 9162 Merkle tree: appending, proving, checking. Nothing is stored here.

Trees are named by their size alone. A `Node(level, index)` is the root of a *complete* subtree: the
2^level leaves from index·2^level on. Such hashes never change as the tree grows, so a proof is a
plan of nodes to fetch from wherever they are kept. A part of the tree that is not complete is a
tuple of nodes, left to right, folded from the right.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from xase.proof.digest import HASH_BYTES, node_hash

EMPTY_ROOT: Final = sha256().digest()
"""The root of the tree without leaves (RFC 9162, 2.1.1)."""


class ProofError(ValueError):
    """A proof does not prove what it claims."""


class Node(NamedTuple):
    """The complete subtree of the 2^`level` leaves from `index`·2^`level` on."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which no one calls on a node


ReadNode = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree at (level, index)."""

Subtree = tuple[Node, ...]
"""Adjacent complete subtrees, left to right, that together make one node of a proof."""


class CompactRange:
    """The roots of the complete subtrees that make up a tree: at most 53 hashes, whatever its size.

    Enough to append and to know the root, without reading the tree.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise ProofError("a compact range has one hash for each bit of its size")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes at the right, in order."""
        hashes, size = self._hashes, self.size
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = sha256(b"\x01" + hashes.pop() + node).digest()
                carry >>= 1
            hashes.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """The tree's root hash."""
        return _fold(self._hashes) if self._hashes else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """The hashes, largest subtree first; with `size`, all there is to keep."""
        return b"".join(self._hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "CompactRange":
        """The range kept by `to_bytes`; raises ProofError when size and data disagree."""
        if len(data) % HASH_BYTES:
            raise ProofError("a compact range is made of 32-byte hashes")
        return cls(size, [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Adjacent subtrees, left to right, as one node."""
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in order."""
    row, odd = list(leaves), b""
    if not row:
        return EMPTY_ROOT
    while len(row) > 1 or odd:
        if len(row) & 1:  # the ragged right edge climbs until there is a left side to join
            odd = node_hash(row.pop(), odd) if odd else row.pop()
            if not row:
                return odd
        row = list(map(node_hash, row[::2], row[1::2]))
    return row[0]


def split(width: int) -> int:
    """The largest power of two smaller than `width` (RFC 9162: k)."""
    return 1 << (width - 1).bit_length() - 1


def subtree(low: int, high: int) -> Subtree:
    """The complete subtrees that make up leaves `low` to `high`−1 of a proof's node."""
    nodes: list[Node] = []
    while low < high:
        level = (high - low).bit_length() - 1
        nodes.append(Node(level, low >> level))
        low += 1 << level
    return tuple(nodes)


def inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Which leaves, `low` to `high`−1, each node of the inclusion proof of leaf `index` is over, leaf to root."""
    if not 0 <= index < size:
        raise ProofError("no such leaf in a tree of this size")
    siblings: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low = middle
    return siblings[::-1]


def inclusion_nodes(index: int, size: int) -> list[Subtree]:
    """What the inclusion proof of leaf `index` in the tree of `size` is made of, leaf to root."""
    return [subtree(low, high) for low, high in inclusion_spans(index, size)]


def consistency_nodes(first: int, second: int) -> list[Subtree]:
    """What the consistency proof between two sizes is made of (RFC 9162, 2.1.4.1)."""
    if not 0 <= first <= second:
        raise ProofError("a tree does not shrink")
    if first in (0, second):
        return []
    parts: list[Subtree] = []
    low, high = 0, second
    while first != high:
        middle = low + split(high - low)
        if first <= middle:
            parts.append(subtree(middle, high))
            high = middle
        else:
            parts.append(subtree(low, middle))
            low = middle
    if low:  # the old tree is not itself a node on the way: its last subtree opens the proof
        parts.append(subtree(low, high))
    return parts[::-1]


def read_subtrees(parts: Iterable[Subtree], read: ReadNode) -> list[bytes]:
    """One hash for each planned part."""
    return [_fold([read(level, index) for level, index in part]) for part in parts]


def inclusion_proof(index: int, size: int, read: ReadNode) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size`, leaf to root."""
    return read_subtrees(inclusion_nodes(index, size), read)


def consistency_proof(first: int, second: int, read: ReadNode) -> list[bytes]:
    """The proof that the tree of size `second` begins with the tree of size `first`."""
    return read_subtrees(consistency_nodes(first, second), read)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError("a hash has 32 bytes")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless `leaf` is leaf number `index` under `root` (RFC 9162, 2.1.3.2)."""
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise ProofError("no such leaf in a tree of this size")
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is too short")
    if result != root:
        raise ProofError("the proof does not lead to this root")


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Raise ProofError unless the second tree begins with the first (RFC 9162, 2.1.4.2)."""
    _check_hashes((first_root, second_root, *proof))
    if not 0 <= first <= second:
        raise ProofError("a tree does not shrink")
    if first in (0, second):
        _verify_trivial(first, second, proof, first_root, second_root)
        return
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        raise ProofError("the proof is too short")
    if _climb(first, second, path) != (first_root, second_root):
        raise ProofError("the proof does not lead to these roots")


def _climb(first: int, second: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Both roots, as the path of a consistency proof makes them."""
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    return old, new


def _verify_trivial(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Nothing grew, or it grew from nothing: there is nothing to prove with hashes."""
    if proof:
        raise ProofError("the proof is too long")
    if first == second and first_root != second_root:
        raise ProofError("one size has two roots")
    if first == 0 and first_root != EMPTY_ROOT:
        raise ProofError("the empty tree has another root")
