"""Merkle proofs of any tree hold, and no altered one does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase.proof.digest import leaf_hash
from xase.proof.merkle import (
    CompactRange,
    ProofError,
    consistency_proof,
    inclusion_proof,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from xase.proof.multiproof import many_proof, verify_many
from xase.proof.tiles import (
    TileError,
    decode_entry_bundle,
    encode_entry_bundle,
    entry_bundle_path,
    parse_tile_path,
    tile_node,
    tile_path,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(700)]
SIZES = st.integers(1, len(LEAVES))
ROOTS: dict[int, bytes] = {}
NODES: dict[tuple[int, int], bytes] = {}


def root(size):
    return ROOTS.setdefault(size, root_hash(LEAVES[:size])) if size not in ROOTS else ROOTS[size]


def read(level, index):
    """From tiles, as a server reads: one of level 0 for small subtrees, one of level 1 for the others."""
    if level < 8:
        number, inside = divmod(index << level, 256)
        tile = b"".join(LEAVES[number * 256 : number * 256 + 256])
        return tile_node(tile, level, inside >> level)
    roots = [root_hash(LEAVES[at : at + 256]) for at in range(0, len(LEAVES) - 255, 256)]
    return tile_node(b"".join(roots), level - 8, index)


@given(SIZES, st.data())
def test_inclusion_proofs_from_tiles_hold(size, data):
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, read), root(size))


@given(SIZES, st.data())
def test_consistency_proofs_from_tiles_hold(second, data):
    first = data.draw(st.integers(0, second))
    verify_consistency(first, second, consistency_proof(first, second, read), root(first), root(second))


@given(SIZES, st.data())
def test_proofs_of_many_leaves_hold(size, data):
    indices = sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=40)))
    leaves = [LEAVES[index] for index in indices]
    verify_many(indices, leaves, size, many_proof(indices, size, read), root(size))


@given(SIZES, st.data())
def test_an_altered_proof_of_many_leaves_is_refused(size, data):
    indices = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=20)))
    proof = many_proof(indices, size, read)
    hashes = [LEAVES[index] for index in indices] + proof
    place = data.draw(st.integers(0, len(hashes) - 1))
    hashes[place] = bytes([hashes[place][0] ^ 1]) + hashes[place][1:]
    with pytest.raises(ProofError):
        verify_many(indices, hashes[: len(indices)], size, hashes[len(indices) :], root(size))


@given(SIZES, st.integers(0, 2**30), st.integers(0, 2**30), st.data())
def test_an_inclusion_proof_holds_for_one_place_only(size, other_index, other_size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, read)
    if (other_index, other_size) != (index, size):
        with pytest.raises(ProofError):
            verify_inclusion(LEAVES[index], other_index, other_size, proof, root_hash([*LEAVES[:size], b"x" * 32]))


@given(st.integers(0, len(LEAVES)), st.integers(0, len(LEAVES)))
def test_a_compact_range_may_be_put_away_at_any_size(first, second):
    first, second = sorted((first, second))
    tree = CompactRange()
    tree.extend(LEAVES[:first])
    tree = CompactRange.from_bytes(first, tree.to_bytes())
    tree.extend(LEAVES[first:second])
    assert (tree.size, tree.root()) == (second, root(second))
    assert len(tree.to_bytes()) == 32 * second.bit_count()


@given(st.integers(0, 63), st.integers(0, 2**40), st.integers(1, 256))
def test_tile_paths_are_read_as_they_were_written(level, number, width):
    assert parse_tile_path(tile_path(level, number, width)) == (level, number, width)
    assert parse_tile_path(entry_bundle_path(number, width)) == (None, number, width)


@given(st.text(alphabet="tile/entris0123456789x.p", max_size=30))
def test_a_path_that_is_read_is_the_one_that_is_written(path):
    try:
        level, number, width = parse_tile_path(path)
    except TileError:
        return
    assert path == (entry_bundle_path(number, width) if level is None else tile_path(level, number, width))


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_entry_bundles_keep_their_entries(entries):
    assert decode_entry_bundle(encode_entry_bundle(entries)) == entries


@given(st.binary(max_size=60))
def test_a_bundle_that_is_read_is_the_one_that_is_written(data):
    try:
        entries = decode_entry_bundle(data)
    except TileError:
        return
    assert encode_entry_bundle(entries) == data
