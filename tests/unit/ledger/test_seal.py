"""Sealing a batch: places, times, links, tiles, checkpoint."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.contract.logs import ORIGIN, SIGNER, START_MS
from tests.contract.records import make_append, unit
from xase.proof.checkpoint import open_checkpoint, sign_checkpoint
from xase.proof.digest import ZERO_DIGEST, format_digest, leaf_hash
from xase.proof.entry import MAX_ENTRY_BYTES, Prepared, parse_entry
from xase.proof.merkle import root_hash
from xase_server.domain.entries import Append, Claim, Committed, Stream, Unit
from xase_server.domain.errors import Refused
from xase_server.ledger.read import Tree
from xase_server.ledger.seal import Sealed, TileMissing, extend_tiles, seal
from xase_server.ports import Head

EMPTY = Head(ORIGIN, 0, b"", "", 0, 0)


def seal_on(head: Head, *units: Unit, now_ms: int = START_MS, streams=None, tiles=None) -> Sealed:
    return seal(
        units,
        head,
        streams or {},
        now_ms=now_ms,
        claim_ms=1000,
        read_tile=lambda level, number: (tiles or {}).get((level, number), b""),
        sign=lambda checkpoint: sign_checkpoint(checkpoint, [SIGNER]),
    )


def too_long() -> Append:
    whole = make_append().prepared
    return structs.replace(make_append(), prepared=Prepared(whole.head, whole.stream, b" " * MAX_ENTRY_BYTES))


def test_entries_follow_each_other_in_log_and_stream():
    admin = Stream("admin/org_a")
    sealed = seal_on(EMPTY, unit(make_append(), make_append(stream=admin)), unit(make_append()))
    entries = [parse_entry(each.entry.raw) for each in sealed.batch.appends]
    assert [(e.index, e.sequence, e.stream) for e in entries] == [
        (0, 0, "decisions/org_a"),
        (1, 0, "admin/org_a"),
        (2, 1, "decisions/org_a"),
    ]
    assert [e.previous_hash for e in entries] == [ZERO_DIGEST, ZERO_DIGEST, entries[0].hash]
    assert sealed.batch.streams[admin].hash == entries[1].hash
    assert isinstance(sealed.outcomes[0], Committed)
    assert [e.index for e in sealed.outcomes[0].entries] == [0, 1]


def test_the_checkpoint_is_over_exactly_these_entries():
    batch = seal_on(EMPTY, unit(), unit(), unit()).batch
    checkpoint = open_checkpoint(batch.head.checkpoint, [SIGNER.verifier])
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 3)
    assert checkpoint.root == root_hash(leaf_hash(each.entry.raw) for each in batch.appends)


def test_time_does_not_run_backwards():
    batch = seal_on(replace(EMPTY, time_ms=START_MS + 50), unit()).batch
    assert batch.appends[0].entry.time_ms == batch.head.time_ms == START_MS + 50


def test_an_entry_waits_for_its_earliest_time_and_those_behind_it_do_too():
    batch = seal_on(EMPTY, unit(), unit(make_append(not_before_ms=START_MS + 7)), unit()).batch
    assert [each.entry.time_ms - START_MS for each in batch.appends] == [0, 7, 7]
    assert batch.head.time_ms == START_MS + 7


def test_a_unit_that_is_too_long_is_refused_alone_and_whole():
    claim = Claim("s", "k", b"", b"")
    new = make_append(stream=Stream("admin/org_new"), not_before_ms=START_MS + 99)
    sealed = seal_on(EMPTY, unit(), unit(new, make_append(), too_long(), claim=claim), unit())
    first, refused, last = sealed.outcomes
    assert isinstance(first, Committed)
    assert isinstance(last, Committed)
    assert isinstance(refused, Refused)
    assert refused.kind.slug == "payload_too_large"
    assert [each.entry.index for each in sealed.batch.appends] == [0, 1]
    assert last.entries[0].previous_hash == format_digest(first.entries[0].hash)
    assert (sealed.batch.claims, list(sealed.batch.streams)) == ([], ["decisions/org_a"])
    assert sealed.batch.head.time_ms == START_MS


@pytest.mark.parametrize("stored", [b"", bytes(32), bytes(96)])
def test_a_tile_that_does_not_end_where_the_head_does_is_noticed(stored):
    first = seal_on(EMPTY, unit(), unit()).batch
    with pytest.raises(TileMissing):
        seal_on(first.head, unit(), streams=first.streams, tiles={(0, 0): stored})


@given(st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_tiles_hold_the_tree_whatever_the_batches(sizes):
    leaves = [leaf_hash(b"%d" % n) for n in range(sum(sizes))]
    stored = Stored({})
    size = 0
    for count in sizes:
        stored.tiles |= extend_tiles(size, leaves[size : size + count], stored.tile)
        size += count
    tree = Tree(stored)
    for at in {1, size // 2, size - 1, size} - {0}:
        assert tree.root(at) == root_hash(leaves[:at])
    assert {level for level, _ in stored.tiles} == ({0, 1} if size >= 256 else {0})


class Stored:
    def __init__(self, tiles: dict[tuple[int, int], bytes]) -> None:
        self.tiles = tiles

    def tile(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")
