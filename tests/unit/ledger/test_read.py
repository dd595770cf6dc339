"""Proofs, receipts and tiles, read from a stored log and checked as a stranger would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from tests.contract.logs import SIGNER, running_log
from tests.contract.records import make_append
from xase.proof.checkpoint import open_checkpoint
from xase.proof.digest import leaf_hash
from xase.proof.merkle import root_hash, verify_consistency, verify_inclusion
from xase.proof.receipt import verify_receipt
from xase.proof.tiles import TileError, decode_entry_bundle
from xase_server.domain.errors import Refused
from xase_server.ledger.read import Tree, covering_checkpoint, entry_bundle, hash_tile, receipt
from xase_server.ports import Reads
from xase_server.storage.memory import MemoryStorage

SIZE = 700


@pytest.fixture(scope="module")
def reads() -> Reads:
    """A log of 700 entries, committed a hundred at a time."""
    storage = MemoryStorage()
    with running_log(storage) as log:
        for _ in range(7):
            log.append(*[make_append() for _ in range(100)])
    return storage.read(lambda reads: reads)


@given(st.data())
def test_inclusion_proofs_hold_at_every_size(reads, data):
    size = data.draw(st.integers(1, SIZE))
    index = data.draw(st.integers(0, size - 1))
    tree = Tree(reads)
    leaf = leaf_hash(reads.entries(index, 1)[0])
    verify_inclusion(leaf, index, size, tree.inclusion(index, size), tree.root(size))


@given(st.data())
def test_consistency_proofs_hold_between_all_sizes(reads, data):
    second = data.draw(st.integers(0, SIZE))
    first = data.draw(st.integers(0, second))
    tree = Tree(reads)
    verify_consistency(first, second, tree.consistency(first, second), tree.root(first), tree.root(second))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 699, 700])
def test_roots_are_those_of_the_entries(reads, size):
    assert Tree(reads).root(size) == root_hash(leaf_hash(raw) for raw in reads.entries(0, size))


def test_a_size_beyond_the_log_has_no_root(reads):
    with pytest.raises(TileError):
        Tree(reads).root(SIZE + 1)


@pytest.mark.parametrize("index", [0, 99, 100, 256, 699])
def test_a_receipt_is_verified_by_a_stranger(reads, index):
    raw = reads.entries(index, 1)[0]
    made = json.decode(json.encode(receipt(reads, raw)))
    assert verify_receipt(made, SIGNER.verifier).raw == raw
    assert made["tree_size"] == (index // 100 + 1) * 100, "the first checkpoint that covers it, for ever"


def test_no_checkpoint_covers_what_is_not_there(reads):
    checkpoint, note = covering_checkpoint(reads, SIZE - 1)
    assert open_checkpoint(note, [SIGNER.verifier]) == checkpoint
    with pytest.raises(Refused):
        covering_checkpoint(reads, SIZE)


def test_tiles_are_served_at_every_width_they_have_had(reads):
    leaves = [leaf_hash(raw) for raw in reads.entries(0, SIZE)]
    assert hash_tile(reads, 0, 1) == b"".join(leaves[256:512])
    assert hash_tile(reads, 0, 2, 10) == b"".join(leaves[512:522])
    assert hash_tile(reads, 1, 0, 2) == root_hash(leaves[:256]) + root_hash(leaves[256:512])
    assert decode_entry_bundle(entry_bundle(reads, 2, 188)) == list(reads.entries(512, 188))


@pytest.mark.parametrize(("level", "number", "width"), [(0, 2, 256), (0, 2, 189), (0, 3, 1), (1, 0, 3), (2, 0, 1)])
def test_a_tile_that_is_not_filled_is_not_found(reads, level, number, width):
    with pytest.raises(Refused):
        hash_tile(reads, level, number, width)
    with pytest.raises(Refused):
        entry_bundle(reads, 2, 189)
