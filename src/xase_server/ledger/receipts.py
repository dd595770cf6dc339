"""Proving the entries of a commit by what the commit itself computed, without reading the store."""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from xase.proof.digest import HASH_BYTES, node_hash
from xase.proof.merkle import inclusion_spans, read_subtrees, subtree
from xase.proof.receipt import make_receipt
from xase_server.domain.entries import SealedEntry

Nodes = dict[tuple[int, int], bytes]


class Receipts:
    """The receipts of one commit, made when they are asked for.

    `size` and `compact` are the tree before it, `leaves` what it added, `checkpoint` the signed
    note over both. An audit path to the right of the old tree meets no other nodes.
    """

    def __init__(self, size: int, compact: bytes, leaves: Sequence[bytes], checkpoint: str) -> None:
        self._size = size
        self._compact = compact
        self._leaves = leaves
        self._checkpoint = checkpoint
        self._nodes: Nodes = {}
        self._known: dict[tuple[int, int], bytes] = {}

    def of(self, entry: SealedEntry) -> dict[str, Any]:
        """The complete offline proof of one of the commit's entries; its `entry` is `msgspec.Raw`."""
        self._nodes = self._nodes or _nodes_over(self._size, self._compact, self._leaves)
        size = self._size + len(self._leaves)
        path = [self._known.get(span) or self._over(span) for span in inclusion_spans(entry.index, size)]
        return make_receipt(entry.raw, entry.index, size, path, self._checkpoint, read=Raw)

    def _over(self, span: tuple[int, int]) -> bytes:
        """Remembered: neighbours' paths have most nodes in common."""
        (known,) = read_subtrees([subtree(*span)], lambda level, index: self._nodes[level, index])
        self._known[span] = known
        return known


def _nodes_over(size: int, compact: bytes, leaves: Sequence[bytes]) -> Nodes:
    """The complete subtrees at the old tree's right edge, and all that the leaves complete."""
    hashes = [compact[at : at + HASH_BYTES] for at in range(0, len(compact), HASH_BYTES)]
    edge = [level for level in range(size.bit_length()) if size >> level & 1]
    nodes = {(level, (size >> level) - 1): node for level, node in zip(reversed(edge), hashes, strict=True)}
    nodes |= {(0, size + at): leaf for at, leaf in enumerate(leaves)}
    level, start, stop = 0, size, size + len(leaves)
    while (start := start >> 1) < (stop := stop >> 1):
        for parent in range(start, stop):
            children = nodes[level, 2 * parent], nodes[level, 2 * parent + 1]
            nodes[level + 1, parent] = node_hash(*children)
        level += 1
    return nodes
