"""Receipts made from a commit alone prove the same as those read from the store."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.logs import ORIGIN, SIGNER
from xase.proof.checkpoint import Checkpoint, sign_checkpoint
from xase.proof.digest import leaf_hash
from xase.proof.merkle import CompactRange, root_hash, verify_inclusion
from xase_server.domain.entries import SealedEntry
from xase_server.ledger.receipts import Receipts


def assert_all_proven(before: int, added: int) -> None:
    raws = [b"%d" % n for n in range(before + added)]
    hashes = [leaf_hash(raw) for raw in raws]
    old = CompactRange()
    old.extend(hashes[:before])
    note = sign_checkpoint(Checkpoint(ORIGIN, len(raws), root_hash(hashes)), [SIGNER])
    receipts = Receipts(before, old.to_bytes(), hashes[before:], note)
    for index in range(before, len(raws)):
        made = receipts.of(SealedEntry(index, 0, 0, hashes[index], "", raws[index]))
        path = [bytes.fromhex(node) for node in made["inclusion_path"]]
        verify_inclusion(hashes[index], index, len(raws), path, root_hash(hashes))
        assert (made["index"], made["tree_size"], made["checkpoint"]) == (index, len(raws), note)


@pytest.mark.parametrize("before", range(20))
def test_every_new_entry_of_a_small_tree_is_proven(before):
    for added in range(1, 20):
        assert_all_proven(before, added)


@settings(max_examples=30)
@given(before=st.integers(0, 3_000), added=st.integers(1, 300))
def test_every_new_entry_is_proven(before, added):
    assert_all_proven(before, added)
