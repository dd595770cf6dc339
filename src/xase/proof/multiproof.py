"""One proof for many leaves of a tree: what lies between them is given, nothing twice.

With the leaves of a closed interval it is the range proof that nothing inside is missing. Each subtree without a proven
leaf is one hash, in order from left to right; subtrees that hold only proven leaves need none.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from xase.proof.digest import HASH_BYTES, node_hash
from xase.proof.merkle import EMPTY_ROOT, ProofError, ReadNode, Subtree, read_subtrees, root_hash, split, subtree


def many_nodes(indices: Sequence[int], size: int) -> list[Subtree]:
    """What the proof of these leaves (ascending, distinct) in the tree of `size` is made of."""
    _check_indices(indices, size)
    return list(_gaps(indices, 0, size)) if size else []


def _gaps(indices: Sequence[int], low: int, high: int) -> Iterator[Subtree]:
    """The subtrees of leaves `low` to `high`−1 that hold none of `indices`."""
    first, last = bisect_left(indices, low), bisect_left(indices, high)
    if first == last:
        yield subtree(low, high)
    elif last - first < high - low:
        middle = low + split(high - low)
        yield from _gaps(indices, low, middle)
        yield from _gaps(indices, middle, high)


def many_proof(indices: Sequence[int], size: int, read: ReadNode) -> list[bytes]:
    """The proof of these leaves (ascending, distinct) in the tree of `size`."""
    return read_subtrees(many_nodes(indices, size), read)


def verify_many(
    indices: Sequence[int], leaves: Sequence[bytes], size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofError unless each leaf hash is the leaf of its index (ascending, distinct) under `root`."""
    _check_indices(indices, size)
    if len(indices) != len(leaves) or any(len(item) != HASH_BYTES for item in (*leaves, *proof, root)):
        raise ProofError("one hash of 32 bytes is needed for each leaf")
    nodes = iter(proof)
    result = _rebuild(indices, leaves, nodes, (0, size)) if size else EMPTY_ROOT
    if next(nodes, None) is not None:
        raise ProofError("the proof is too long")
    if result != root:
        raise ProofError("the proof does not lead to this root")


def _rebuild(indices: Sequence[int], leaves: Sequence[bytes], nodes: Iterator[bytes], span: tuple[int, int]) -> bytes:
    """The hash of the subtree over `span`, from the leaves in it and the proof's next nodes."""
    low, high = span
    first, last = bisect_left(indices, low), bisect_left(indices, high)
    if first == last:
        node = next(nodes, None)
        if node is None:
            raise ProofError("the proof is too short")
        return node
    if last - first == high - low:
        return root_hash(leaves[first:last])
    middle = low + split(high - low)
    left = _rebuild(indices, leaves, nodes, (low, middle))
    return node_hash(left, _rebuild(indices, leaves, nodes, (middle, high)))


def _check_indices(indices: Sequence[int], size: int) -> None:
    ascending = isinstance(indices, range) or all(a < b for a, b in pairwise(indices))
    if not ascending or (indices and not 0 <= indices[0] <= indices[-1] < size):
        raise ProofError("leaves are named in ascending order, once each, and lie in the tree")


def range_proof(first: int, last: int, size: int, read: ReadNode) -> list[bytes]:
    """The boundary of leaves `first` to `last`, both included: with their hashes, proof that none is missing."""
    return many_proof(range(first, last + 1), size, read)


def verify_range(first: int, leaves: Sequence[bytes], size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless `leaves` are all the leaf hashes from index `first` on, without a gap, under `root`."""
    verify_many(range(first, first + len(leaves)), leaves, size, proof, root)
