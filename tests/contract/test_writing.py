"""What every store promises about a group commit."""

import threading
from dataclasses import replace

import pytest

from tests.contract.batches import sealed
from tests.contract.conftest import DatabasePlace, Place
from tests.contract.logs import ORIGIN, SIGNER, START_MS
from tests.contract.records import decision, intervention, make_append, unit
from xase.proof.digest import ZERO_DIGEST, format_digest, leaf_hash
from xase_server.domain.entries import Claim, Stream
from xase_server.ledger.audit import audit
from xase_server.ports import Head, Storage, StorageUnavailable, StreamHead, Unwritable


def head_of(storage: Storage) -> Head:
    return storage.read(lambda reads: reads.head())


def write(storage: Storage, *units, **options) -> Head:
    with storage.begin() as transaction:
        batch = sealed(transaction, *units, **options)
        transaction.write(batch)
    return batch.head


def test_a_new_store_holds_an_empty_log(storage):
    assert head_of(storage) == Head(ORIGIN, 0, b"", "", 0, 0)


def test_initialising_again_changes_nothing(storage):
    written = write(storage, unit())
    storage.initialise("another.example/log")
    assert head_of(storage) == written


def test_what_was_committed_is_there_after_reopening(database_place: DatabasePlace):
    append = make_append(parts={"note": "x"})
    written = write(database_place.open(), unit(append))
    storage = database_place.reopen()
    assert head_of(storage) == written
    assert audit(storage, [SIGNER.verifier]).clean
    index, _, parts = storage.read(lambda reads: reads.entry("org_a", append.id)) or pytest.fail("lost")
    assert (index, parts) == (0, append.parts)


def test_another_opening_sees_the_commit_at_once(place: Place):
    first, second = place.open(), place.open()
    written = write(first, unit())
    assert head_of(second) == written


def test_nothing_of_a_failed_transaction_remains(place: Place):
    storage = place.open()
    before = write(storage, unit(decision()))
    failed = decision(transaction_id="t")

    def write_and_fail() -> None:
        with storage.begin() as transaction:
            transaction.write(sealed(transaction, unit(failed, claim=Claim("s", "k", b"r", b"a"))))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    storage = place.reopen()
    assert head_of(storage) == before
    assert storage.read(lambda reads: reads.entry("org_a", failed.id)) is None
    assert storage.read(lambda reads: reads.claim("s", "k")) is None
    assert audit(storage, [SIGNER.verifier]).clean


def test_a_batch_sealed_on_an_older_head_is_refused(storage):
    with storage.begin() as transaction:
        stale = sealed(transaction, unit())
        transaction.write(stale)
    with pytest.raises(StorageUnavailable), storage.begin() as transaction:
        transaction.write(stale)
    assert head_of(storage) == stale.head
    assert audit(storage, [SIGNER.verifier]).clean


def test_a_batch_that_leaves_a_gap_is_refused(storage):
    def leave_out_the_first() -> None:
        with storage.begin() as transaction:
            batch = sealed(transaction, unit(), unit())
            transaction.write(replace(batch, appends=batch.appends[1:]))

    with pytest.raises(StorageUnavailable):
        leave_out_the_first()
    assert head_of(storage).size == 0


def test_two_writers_take_turns_and_never_fork(place: Place):
    storages = [place.open(), place.open()]
    failures: list[BaseException] = []

    def append_many(storage: Storage) -> None:
        try:
            for _ in range(20):
                write(storage, unit(), unit())
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=append_many, args=[storage]) for storage in storages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    report = audit(storages[0], [SIGNER.verifier])
    assert (report.size, report.findings) == (80, [])


def test_the_same_id_again_is_unwritable_and_the_store_goes_on(storage):
    write(storage, unit(decision(identifier="rec_0000000000000001")))
    with pytest.raises(Unwritable), storage.begin() as transaction:
        transaction.write(sealed(transaction, unit(decision(identifier="rec_0000000000000001"))))
    assert write(storage, unit(decision(identifier="rec_0000000000000002"))).size == 2
    assert audit(storage, [SIGNER.verifier]).clean


@pytest.mark.parametrize("organisation", ["org_a", "org_b"])
def test_an_intervention_in_what_does_not_exist_is_unwritable(storage, organisation):
    write(storage, unit(decision(identifier="rec_0000000000000001")))
    missing = "rec_0000000000000001" if organisation == "org_b" else "rec_0000000000000002"
    with pytest.raises(Unwritable), storage.begin() as transaction:
        transaction.write(sealed(transaction, unit(intervention(missing, organisation=organisation))))
    assert head_of(storage).size == 1


def test_stream_heads_are_known_to_the_next_transaction(storage):
    stream = Stream("admin/org_a")
    with storage.begin() as transaction:
        assert transaction.streams([stream]) == {}
        batch = sealed(transaction, unit(make_append(stream=stream)), unit(make_append(stream=stream)))
        assert batch.appends[0].entry.previous_hash == ZERO_DIGEST
        transaction.write(batch)
    with storage.begin() as transaction:
        last = format_digest(leaf_hash(batch.appends[1].entry.raw))
        assert transaction.streams([stream, Stream("admin/org_b")]) == {stream: StreamHead(2, last)}


def test_tiles_grow_until_they_are_full(storage):
    write(storage, *[unit() for _ in range(300)])
    write(storage, *[unit() for _ in range(300)])
    with storage.begin() as transaction:
        lengths = {at: len(transaction.tile(*at)) // 32 for at in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0)]}
    assert lengths == {(0, 0): 256, (0, 1): 256, (0, 2): 88, (0, 3): 0, (1, 0): 2, (2, 0): 0}


def test_a_claim_is_found_until_it_expires(storage):
    kept = Claim("key_1", "once", b"request", b"answer")
    write(storage, unit(claim=kept), now_ms=START_MS, claim_ms=1000)
    with storage.begin() as transaction:
        assert transaction.claims([("key_1", "once"), ("key_2", "once"), ("key_1", "other")]) == {
            ("key_1", "once"): kept
        }
    assert storage.read(lambda reads: reads.claim("key_1", "once")) == kept
    write(storage, unit(claim=Claim("key_1", "later", b"", b"")), now_ms=START_MS + 999)
    assert storage.read(lambda reads: reads.claim("key_1", "once")) == kept
    write(storage, unit(claim=Claim("key_1", "latest", b"", b"")), now_ms=START_MS + 1000)
    assert storage.read(lambda reads: reads.claim("key_1", "once")) is None


def test_claims_whose_scope_and_key_read_the_same_together_are_apart(storage):
    write(storage, unit(claim=Claim("a", "bc", b"", b"1")), unit(claim=Claim("ab", "c", b"", b"2")))
    assert storage.read(lambda reads: reads.claim("a", "bc").answer) == b"1"
    assert storage.read(lambda reads: reads.claim("ab", "c").answer) == b"2"


def test_an_epoch_is_raised_for_good(place: Place):
    storage = place.open()
    assert [storage.raise_epoch(), storage.raise_epoch()] == [1, 2]
    write(storage, unit())
    assert head_of(place.reopen()).epoch == 2


def test_a_store_that_was_checked_can_be_read_and_is_durable(storage):
    storage.check()
