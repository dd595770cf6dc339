import json
from base64 import b64decode
from hashlib import sha256

import pytest

from scripts.vectorlog import VECTORS
from xase.proof.digest import leaf_hash, node_hash
from xase.proof.merkle import (
    EMPTY_ROOT,
    CompactRange,
    Node,
    ProofError,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from xase.proof.multiproof import many_nodes, many_proof, range_proof, verify_many, verify_range

SIZES = range(34)
LEAVES = [leaf_hash(b"%d" % number) for number in SIZES]
OTHER = sha256(b"other").digest()

# A public vector that only a check without a strict hash size accepts: one size, two equal roots of 12 bytes.
SHORT_ROOTS = "sizes-are-equal-one-and-proof-is-empty.json"


def naive_root(leaves):
    """RFC 9162, 2.1.1, word by word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256().digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(naive_root(leaves[:middle]), naive_root(leaves[middle:]))


def read(level, index):
    part = LEAVES[index << level : (index + 1) << level]
    assert len(part) == 1 << level, "a proof asked for a subtree that is not complete"
    return naive_root(part)


ROOTS = [naive_root(LEAVES[:size]) for size in SIZES]


def test_roots_are_those_of_the_definition():
    assert [root_hash(LEAVES[:size]) for size in SIZES] == ROOTS
    assert ROOTS[0] == EMPTY_ROOT


def test_a_compact_range_grows_to_the_same_roots():
    tree = CompactRange()
    for size in SIZES:
        assert (tree.size, tree.root()) == (size, ROOTS[size])
        tree.append(LEAVES[size])


def test_a_compact_range_is_kept_and_restored():
    for size in SIZES:
        tree = CompactRange()
        tree.extend(LEAVES[:size])
        again = CompactRange.from_bytes(size, tree.to_bytes())
        again.extend(LEAVES[size:])
        assert again.root() == root_hash(LEAVES)


@pytest.mark.parametrize(("size", "data"), [(0, b"x" * 32), (3, b"x" * 32), (1, b"x" * 31), (-1, b"")])
def test_a_compact_range_that_does_not_fit_its_size_is_refused(size, data):
    with pytest.raises(ProofError):
        CompactRange.from_bytes(size, data)


def test_every_inclusion_proof_of_every_small_tree_holds():
    for size in SIZES:
        for index in range(size):
            verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, read), ROOTS[size])


def test_every_consistency_proof_between_small_trees_holds():
    for second in SIZES:
        for first in range(second + 1):
            verify_consistency(first, second, consistency_proof(first, second, read), ROOTS[first], ROOTS[second])


def test_an_inclusion_proof_proves_nothing_else():
    for size in range(1, 18):
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            for wrong in (number for number in range(size) if number != index):
                with pytest.raises(ProofError):
                    verify_inclusion(LEAVES[index], wrong, size, proof, ROOTS[size])
            for changed in mutants(proof):
                with pytest.raises(ProofError):
                    verify_inclusion(LEAVES[index], index, size, changed, ROOTS[size])
            with pytest.raises(ProofError):
                verify_inclusion(OTHER, index, size, proof, ROOTS[size])
            with pytest.raises(ProofError):
                verify_inclusion(LEAVES[index], index, size, proof, OTHER)


def test_a_consistency_proof_proves_nothing_else():
    for second in range(1, 18):
        for first in range(1, second):
            proof = consistency_proof(first, second, read)
            for changed in mutants(proof):
                with pytest.raises(ProofError):
                    verify_consistency(first, second, changed, ROOTS[first], ROOTS[second])
            for one, two in ((OTHER, ROOTS[second]), (ROOTS[first], OTHER), (ROOTS[second], ROOTS[first])):
                with pytest.raises(ProofError):
                    verify_consistency(first, second, proof, one, two)


def mutants(proof):
    """The proof with a hash changed, added or left out."""
    yield [*proof, OTHER]
    yield [OTHER, *proof]
    for place in range(len(proof)):
        yield [*proof[:place], OTHER, *proof[place + 1 :]]
        yield [*proof[:place], *proof[place + 1 :]]


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 5), (5, 5)])
def test_a_leaf_outside_the_tree_has_no_proof(index, size):
    with pytest.raises(ProofError):
        inclusion_nodes(index, size)
    with pytest.raises(ProofError):
        verify_inclusion(OTHER, index, size, [], OTHER)


def test_a_tree_does_not_shrink():
    with pytest.raises(ProofError):
        consistency_nodes(5, 4)
    with pytest.raises(ProofError):
        verify_consistency(5, 4, [], ROOTS[5], ROOTS[4])


def test_one_size_has_one_root():
    verify_consistency(7, 7, [], ROOTS[7], ROOTS[7])
    with pytest.raises(ProofError):
        verify_consistency(7, 7, [], ROOTS[7], OTHER)
    with pytest.raises(ProofError):
        verify_consistency(0, 7, [], OTHER, ROOTS[7])
    with pytest.raises(ProofError):
        verify_consistency(0, 7, [OTHER], EMPTY_ROOT, ROOTS[7])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_hashes_of_another_length_are_refused(size):
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(LEAVES[0], 0, 2, [b"x" * size], ROOTS[2])
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(1, 1, [], b"x" * size, b"x" * size)


def test_a_plan_names_complete_subtrees_only():
    assert inclusion_nodes(0, 5) == [(Node(0, 1),), (Node(1, 1),), (Node(0, 4),)]
    assert inclusion_nodes(0, 7)[-1] == (Node(1, 2), Node(0, 6))
    assert consistency_nodes(3, 7) == [(Node(0, 2),), (Node(0, 3),), (Node(1, 0),), (Node(1, 2), Node(0, 6))]


def test_every_choice_of_leaves_of_small_trees_has_one_proof():
    for size in range(9):
        for choice in range(1 << size):
            indices = [index for index in range(size) if choice >> index & 1]
            leaves = [LEAVES[index] for index in indices]
            proof = many_proof(indices, size, read)
            verify_many(indices, leaves, size, proof, ROOTS[size])
            for changed in mutants(proof):
                with pytest.raises(ProofError):
                    verify_many(indices, leaves, size, changed, ROOTS[size])
            if leaves:
                with pytest.raises(ProofError):
                    verify_many(indices, [*leaves[:-1], OTHER], size, proof, ROOTS[size])


def test_every_interval_of_small_trees_has_a_range_proof():
    for size in range(1, 20):
        for first in range(size):
            for last in range(first, size):
                proof = range_proof(first, last, size, read)
                verify_range(first, LEAVES[first : last + 1], size, proof, ROOTS[size])
                with pytest.raises(ProofError):
                    verify_range(first, LEAVES[first:last], size, proof, ROOTS[size])


@pytest.mark.parametrize("indices", [[1, 1], [2, 1], [-1], [5], [0, 9]])
def test_leaves_are_named_in_order_and_lie_in_the_tree(indices):
    with pytest.raises(ProofError):
        many_nodes(indices, 5)
    with pytest.raises(ProofError):
        verify_many(indices, [OTHER] * len(indices), 5, [], ROOTS[5])


def test_each_leaf_needs_its_hash():
    with pytest.raises(ProofError):
        verify_many([0, 1], LEAVES[:1], 2, [], ROOTS[2])


def hashes(vector, name):
    return [b64decode(item) for item in vector[name] or []]


def test_the_published_inclusion_vectors_pass(shared):
    files = sorted((shared / "vectors/merkle/inclusion").rglob("*.json"))
    assert len(files) > 90
    for file in files:
        vector = json.loads(file.read_text())
        leaf, root = b64decode(vector["leafHash"] or ""), b64decode(vector["root"] or "")
        accepted = accepts(verify_inclusion, leaf, vector["leafIdx"], vector["treeSize"], hashes(vector, "proof"), root)
        assert accepted is not vector["wantErr"], file


def test_the_published_consistency_vectors_pass(shared):
    files = sorted((shared / "vectors/merkle/consistency").rglob("*.json"))
    assert len(files) > 90
    for file in files:
        vector = json.loads(file.read_text())
        roots = b64decode(vector["root1"] or ""), b64decode(vector["root2"] or "")
        proof = hashes(vector, "proof")
        accepted = accepts(verify_consistency, vector["size1"], vector["size2"], proof, *roots)
        assert accepted is (not vector["wantErr"] and file.name != SHORT_ROOTS), file


def accepts(check, *arguments):
    try:
        check(*arguments)
    except ProofError:
        return False
    return True


@pytest.mark.parametrize(
    "vector", json.loads((VECTORS / "merkle/trees.json").read_text()), ids=lambda v: str(v["size"])
)
def test_tree_vectors_hold(vector):
    size, root = vector["size"], bytes.fromhex(vector["root"])
    leaves = [leaf_hash(data.encode()) for data in vector["leaf_data"]]
    assert root_hash(leaves) == root
    for index, proof in enumerate(vector["inclusion"]):
        verify_inclusion(leaves[index], index, size, list(map(bytes.fromhex, proof)), root)
    for first, proof in enumerate(vector["consistency"]):
        verify_consistency(first, size, list(map(bytes.fromhex, proof)), root_hash(leaves[:first]), root)


@pytest.mark.parametrize(
    "vector", json.loads((VECTORS / "merkle/many.json").read_text()), ids=lambda v: str(v["indices"])
)
def test_proofs_of_many_leaves_hold(vector):
    leaves, nodes = (list(map(bytes.fromhex, vector[name])) for name in ("leaves", "nodes"))
    verify_many(vector["indices"], leaves, vector["size"], nodes, bytes.fromhex(vector["root"]))
