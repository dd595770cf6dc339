"""What every store promises about reading."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.contract.logs import SIGNER, START_MS, Log
from tests.contract.records import decision, erasure, intervention, make_append, next_id
from xase.proof.checkpoint import open_checkpoint
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import (
    ApiKeyRow,
    Append,
    BundleRow,
    BundleStored,
    KeyRevoked,
    KeyStored,
    Stream,
    admin_stream,
    decisions_stream,
)
from xase_server.domain.errors import Refused
from xase_server.ledger.audit import audit
from xase_server.ports import AmbiguousPrefix
from xase_server.storage import ids


def test_a_decision_is_read_by_id_and_by_prefix(log: Log):
    first = decision(identifier="rec_8a7f3b2c4d5e6f7a")
    log.append(first)
    row = log.read(lambda reads: reads.decision("org_a", "rec_8a7f3b2c"))
    assert row == log.read(lambda reads: reads.decision("org_a", first.id))
    assert (row.id, row.number, row.intervened, row.parts, row.erasure) == (first.id, 0, False, first.parts, None)


def test_a_prefix_of_two_decisions_is_ambiguous_but_a_whole_id_is_not(log: Log):
    ids = ["rec_8a7f3b2c00000001", "rec_8a7f3b2c00000002"]
    log.append(*[decision(identifier=each) for each in ids])
    with pytest.raises(AmbiguousPrefix):
        log.read(lambda reads: reads.decision("org_a", "rec_8a7f3b2c"))
    assert log.read(lambda reads: reads.decision("org_a", ids[0]).id) == ids[0]


def test_a_prefix_is_not_ambiguous_because_of_another_organisation(log: Log):
    log.append(decision(identifier="rec_8a7f3b2c00000001"))
    log.append(decision(identifier="rec_8a7f3b2c00000002", organisation="org_b"))
    assert log.read(lambda reads: reads.decision("org_b", "rec_8a7f3b2c").id) == "rec_8a7f3b2c00000002"


@pytest.mark.parametrize("other", ["int_8a7f3b2c4d5e6f7a", "rec_8A7F3B2C4D5E6F7A", "8a7f3b2c4d5e6f7a", "\x00", ""])
def test_an_id_that_only_looks_alike_is_not_found(log: Log, other: str):
    log.append(decision(identifier="rec_8a7f3b2c4d5e6f7a"))
    assert log.read(lambda reads: reads.entry("org_a", other)) is None
    assert log.read(lambda reads: reads.decisions("org_a", [other])) == []


@pytest.mark.parametrize("length", range(8, 17))
def test_a_prefix_of_any_length_finds_its_decision(log: Log, length: int):
    ids = ["rec_00000000ffffffff", "rec_7fffffffffffffff", "rec_8000000000000000", "rec_ffffffff00000000"]
    log.append(*[decision(identifier=each) for each in ids])
    found = log.read(lambda reads: [reads.decision("org_a", each[: 4 + length]).id for each in ids])
    assert found == ids


def test_what_belongs_to_another_organisation_looks_absent(log: Log):
    made = decision(transaction_id="t")
    log.append(made, intervention(made.id))
    log.append(decision(organisation="org_b"))
    seen = log.read(
        lambda reads: (
            reads.decision("org_b", made.id),
            reads.decisions("org_b", [made.id]),
            reads.interventions("org_b", [made.id]),
            reads.entry("org_b", made.id),
            reads.list_decisions("org_b", DecisionFilter(transaction_id="t"), Page()).total,
            reads.decision("org_unknown", made.id),
            reads.list_decisions("org_unknown", DecisionFilter(), Page()).rows,
        )
    )
    assert seen == (None, [], [], None, 0, None, [])


def test_decisions_with_unknown_ids_are_left_out(log: Log):
    made = [decision() for _ in range(3)]
    log.append(*made)
    rows = log.read(lambda reads: reads.decisions("org_a", [made[2].id, "rec_00", made[0].id]))
    assert {row.id for row in rows} == {made[0].id, made[2].id}


def test_interventions_come_oldest_first_and_mark_their_record(log: Log):
    first, second = decision(), decision()
    log.append(first, second)
    made = [intervention(second.id), intervention(first.id), intervention(second.id)]
    for each in made:
        log.append(each)
    rows = log.read(lambda reads: reads.interventions("org_a", [first.id, second.id]))
    assert [(row.id, row.record_id) for row in rows] == [
        (made[0].id, second.id),
        (made[1].id, first.id),
        (made[2].id, second.id),
    ]
    assert rows[0].parts == made[0].parts
    assert log.read(lambda reads: reads.decision("org_a", first.id).intervened)


def test_an_erasure_destroys_the_named_parts_and_is_told_with_the_record(log: Log):
    made = decision(input={"name": "Ada"}, transaction_id="t")
    log.append(made, decision(transaction_id="t"))
    erased = erasure(made.id, ("input", "output", "transaction_id"))
    log.append(erased)
    row = log.read(lambda reads: reads.decision("org_a", made.id))
    assert row.parts == {}
    assert row.erasure.parts == erased.parts
    assert log.read(lambda reads: reads.entry("org_a", erased.id)[1]) == row.erasure.raw
    by_transaction = DecisionFilter(transaction_id="t")
    assert log.read(lambda reads: reads.list_decisions("org_a", by_transaction, Page()).total) == 1


def test_the_first_erasure_stands(log: Log):
    made = decision()
    log.append(made)
    first = erasure(made.id, ("input",))
    log.append(first)
    log.append(erasure(made.id, ("output",)))
    row = log.read(lambda reads: reads.decision("org_a", made.id))
    assert (row.parts, row.erasure.parts) == ({}, first.parts)


def test_a_decision_may_be_intervened_in_and_erased_in_the_commit_that_makes_it(log: Log):
    made = decision()
    log.append(made, intervention(made.id), erasure(made.id))
    row = log.read(lambda reads: reads.decision("org_a", made.id))
    assert (row.intervened, row.parts) == (True, {})


def test_entries_and_chains_are_read_in_stretches(log: Log):
    admin = admin_stream("org_a")
    appends = [make_append(stream=admin) if n % 3 == 0 else make_append(parts={"n": n}) for n in range(9)]
    raws = [entry.raw for entry in log.append(*appends).entries]
    assert log.read(lambda reads: reads.entries(2, 4)) == raws[2:6]
    assert log.read(lambda reads: reads.entries(8, 4)) == raws[8:]
    assert log.read(lambda reads: reads.stream_entries(admin, 1, 5)) == [(3, raws[3]), (6, raws[6])]
    assert log.read(lambda reads: reads.stream_entries(Stream("admin/org_b"), 0, 5)) == []
    assert log.read(lambda reads: reads.parts(2, 3)) == {2: appends[2].parts, 4: appends[4].parts}


def test_a_chain_is_read_in_any_stretch_whatever_commits_it_came_in(log: Log):
    chain, other = decisions_stream("org_a"), admin_stream("org_a")
    written = []
    for streams in ([chain] * 3, [chain, other, chain, chain], [other], [chain] * 2):
        written += log.append(*[make_append(stream=stream) for stream in streams]).entries
    mine = [(entry.index, entry.raw) for entry in written if chain.encode() in entry.raw]

    def stretch(start: int, limit: int) -> Sequence[tuple[int, bytes]]:
        return log.read(lambda reads: reads.stream_entries(chain, start, limit))

    for start in range(len(mine) + 1):
        for limit in range(1, len(mine) + 2):
            assert stretch(start, limit) == mine[start : start + limit]


def test_ids_are_found_and_stay_in_use_after_they_moved(log: Log, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ids, "MOVED_AT_ONCE", 2)
    made = [decision() for _ in range(7)]
    for each in made:
        log.append(each)
    log.append(intervention(made[0].id))
    names = [each.id for each in made]
    assert {row.id for row in log.read(lambda reads: reads.decisions("org_a", names))} == set(names)
    assert log.read(lambda reads: [reads.decision("org_a", name).id for name in names]) == names
    assert log.read(lambda reads: [reads.entry("org_a", name)[0] for name in names]) == list(range(7))
    for each in (made[0], made[-1]):
        with pytest.raises(Refused, match=r"(?i)in use|unique"):
            log.append(decision(identifier=each.id))
    assert audit(log.storage, [SIGNER.verifier]).clean


def test_streams_come_in_the_order_of_their_names(log: Log):
    names = [decisions_stream("org_b"), decisions_stream("org_a"), admin_stream("org_a")]
    log.append(*[make_append(stream=name) for name in names])
    heads = log.read(lambda reads: reads.streams("", 2))
    assert [name for name, _ in heads] == sorted(names)[:2]
    assert [name for name, _ in log.read(lambda reads: reads.streams(heads[1][0], 2))] == sorted(names)[2:]


def test_every_checkpoint_is_kept_and_found_by_size(log: Log):
    for count in (3, 2, 4):
        log.append(*[make_append() for _ in range(count)])
    kept = log.read(lambda reads: reads.checkpoints(0, 10))
    assert [open_checkpoint(note, [SIGNER.verifier]).size for _, note in kept] == [3, 5, 9]

    def size(note: str | None) -> int:
        return open_checkpoint(note, [SIGNER.verifier]).size if note else 0

    covering = log.read(lambda reads: [size(reads.checkpoint(at)) for at in (0, 3, 4, 9, 10)])
    before = log.read(lambda reads: [size(reads.checkpoint_before(at)) for at in (2, 3, 8, 99)])
    assert (covering, before) == ([3, 3, 5, 9, 0], [0, 3, 5, 9])


def key_row(**changes: Any) -> ApiKeyRow:
    identifier = next_id("key")
    row: dict[str, Any] = {
        "id": identifier,
        "organisation": "org_a",
        "email": "ada@example.org",
        "name": "laptop\x00",
        "role": "admin",
        "scopes": (),
        "may_act_for": ("bob@example.org",),
        "digest": identifier.encode().ljust(32, b"."),
        "display": "xase_pk_…",
        "created_ms": START_MS,
    }
    return ApiKeyRow(**(row | changes))


def append_key(key: ApiKeyRow, replaces: str | None = None, old_expires_ms: int | None = None) -> Append:
    effect = KeyStored(key, replaces, old_expires_ms)
    return make_append(type="key_created", identifier=key.id, organisation=key.organisation, effect=effect)


def test_a_key_is_found_by_its_digest_and_listed_newest_first(log: Log):
    keys = [key_row(), key_row(role=None, scopes=("records:read", "keys:read")), key_row(organisation="org_b")]
    for key in keys:
        log.append(append_key(key))
    assert log.read(lambda reads: reads.key(keys[1].digest)) == keys[1]
    assert log.read(lambda reads: reads.key(b"?" * 32)) is None
    assert log.read(lambda reads: reads.keys("org_a")) == [keys[1], keys[0]]


def test_a_key_is_replaced_revoked_and_used(log: Log):
    old, new = key_row(), key_row()
    log.append(append_key(old))
    log.append(append_key(new, old.id, START_MS + 5000))
    log.storage.touch_keys({old.id: START_MS + 7, "key_unknown": 1})
    log.storage.touch_keys({old.id: START_MS + 3})
    log.append(make_append(type="key_revoked", effect=KeyRevoked("org_a", new.id)))
    log.clock.ms += 1
    log.append(make_append(type="key_revoked", effect=KeyRevoked("org_a", new.id)))
    found = {key.id: key for key in log.read(lambda reads: reads.keys("org_a"))}
    assert (found[old.id].rotated_to, found[old.id].expires_ms) == (new.id, START_MS + 5000)
    assert (found[old.id].last_used_ms, found[old.id].revoked_ms) == (START_MS + 7, None)
    assert found[new.id].revoked_ms == START_MS


def bundle(content: bytes, organisation: str = "org_a", purpose: str | None = "audit\x00") -> Append:
    row = BundleRow(next_id("bun"), organisation, START_MS, b"{}", purpose, "standard", 1, 2, 3, "00", len(content))
    effect = BundleStored(row, content)
    return make_append(type="bundle_exported", identifier=row.id, organisation=organisation, effect=effect)


def test_a_bundle_is_kept_in_pieces_for_its_organisation(log: Log):
    content = bytes(range(256)) * 5000
    made = [bundle(content), bundle(b"small", purpose=None), bundle(b"", organisation="org_b")]
    for each in made:
        log.append(each)
    rows = [each.effect.row for each in made if isinstance(each.effect, BundleStored)]
    assert log.read(lambda reads: reads.bundle("org_a", rows[0].id)) == rows[0]
    assert log.read(lambda reads: reads.bundle("org_b", rows[0].id)) is None
    pieces = log.read(lambda reads: [reads.bundle_chunk(rows[0].id, n) for n in range(3)])
    assert b"".join(pieces) == content
    assert [len(piece) for piece in pieces] == [1 << 20, len(content) - (1 << 20), 0]
