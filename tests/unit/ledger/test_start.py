"""The head held outside the database: what it notices, and who may overrule it."""

import itertools
from dataclasses import replace

import pytest

from tests.contract.logs import ORIGIN, SIGNER, HandClock, running_log
from tests.contract.records import make_append
from xase.proof.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from xase.proof.keys import LogSigner
from xase_server.domain.errors import Refused
from xase_server.ledger.append import Ledger
from xase_server.ledger.head import HeadKeeper, read_held, write_held
from xase_server.storage.memory import MemoryStorage


@pytest.fixture
def held(tmp_path):
    return tmp_path / "head"


def grown(size: int, note: str = "", storage: MemoryStorage | None = None, **options) -> MemoryStorage:
    """A store whose log has this many entries; `note` makes its history its own."""
    storage = storage or MemoryStorage()
    with running_log(storage, **options) as log:
        for n in range(size):
            log.append(make_append(body={"note": note, "n": n}))
    return storage


def size_of(held) -> int:
    return open_checkpoint(read_held(held) or "", [SIGNER.verifier]).size


def problem(storage, held) -> str:
    """Why nothing is appended; "" when all is well."""
    with running_log(storage, head_file=held) as log:
        found = log.ledger.problem or ""
        if found:
            with pytest.raises(Refused, match="database"):
                log.append(make_append())
    return found


def test_the_newest_head_is_held_after_closing(held):
    storage = grown(3, head_file=held)
    assert read_held(held) == storage.read(lambda reads: reads.head()).checkpoint
    assert held.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in held.parent.iterdir()] == ["head"]


def test_a_log_that_grew_since_is_accepted(held):
    storage = grown(300, head_file=held)
    kept = read_held(held)
    grown(300, storage=storage)
    held.write_text(kept)
    assert problem(storage, held) == ""
    assert size_of(held) == 600


def test_a_shorter_log_is_refused(held):
    grown(5, head_file=held)
    assert "tail is missing" in problem(grown(4), held)
    assert size_of(held) == 5


def test_an_empty_log_under_an_old_head_is_refused(held):
    grown(5, head_file=held)
    assert "tail is missing" in problem(MemoryStorage(), held)


@pytest.mark.parametrize("size", [5, 9])
def test_another_history_of_the_same_or_greater_length_is_refused(held, size):
    grown(5, "one", head_file=held)
    assert "another one" in problem(grown(size, "two"), held)


@pytest.mark.parametrize("text", ["", "nonsense", "example.org/log\n5\n"])
def test_a_head_that_cannot_be_read_is_refused(held, text):
    held.write_text(text)
    assert "cannot be read" in problem(grown(5), held)


def test_a_head_signed_by_another_key_is_refused(held):
    checkpoint = Checkpoint(ORIGIN, 1, bytes(32))
    held.write_text(sign_checkpoint(checkpoint, [LogSigner.generate(ORIGIN)]))
    assert "cannot be read" in problem(grown(5), held)


def test_a_head_signed_by_a_retired_key_is_accepted(held):
    storage = grown(2, head_file=held)
    ledger = Ledger(storage, LogSigner.generate(ORIGIN), HandClock(), head_file=held, retired=[SIGNER.verifier])
    ledger.start()
    assert ledger.problem is None
    ledger.close()


def test_a_head_that_was_never_held_is_no_objection(held):
    assert problem(grown(5), held) == ""


def test_a_database_whose_own_head_is_damaged_is_refused_for_good(held):
    storage = grown(3)
    assert storage._state is not None
    storage._state.head = replace(storage._state.head, compact=bytes(64))
    with running_log(storage, accept_head=True) as log:
        assert "damaged" in (log.ledger.problem or "")


def test_a_damaged_tail_is_refused_and_named(held):
    storage = grown(600)
    assert storage._state is not None
    storage._state.entries[590] = storage._state.entries[590].replace(b"operation", b"Operation")
    assert "entry 590, evt_" in problem(storage, held)


def test_damage_far_from_the_tail_is_left_to_the_audit(held):
    storage = grown(1200)
    assert storage._state is not None
    storage._state.entries[3] = storage._state.entries[3].replace(b"operation", b"Operation")
    assert problem(storage, held) == ""


def test_an_operator_may_accept_the_database_as_it_is(held):
    grown(5, head_file=held)
    storage = grown(4)
    with running_log(storage, head_file=held, accept_head=True) as log:
        assert log.ledger.problem is None
        assert storage.read(lambda reads: reads.head()).epoch == 1
        log.append(make_append())
    assert size_of(held) == 5
    assert problem(storage, held) == ""


def test_a_head_is_never_replaced_by_an_older_one(held):
    storage = grown(5, head_file=held)
    older = storage.read(lambda reads: reads.checkpoint(3)) or ""
    keeper = HeadKeeper(held, every=0)
    keeper.keep(older)
    keeper.close()
    assert size_of(held) == 5


def test_a_head_that_cannot_be_written_is_a_problem_until_it_can_without_another_append(held):
    storage = grown(2)
    folder = held.parent / "missing"
    keeper = HeadKeeper(folder / "head", every=0)
    note = storage.read(lambda reads: reads.head()).checkpoint
    keeper.keep(note)
    problems = itertools.dropwhile(lambda found: found is None, (keeper.problem for _ in itertools.count()))
    assert "cannot be kept" in str(next(problems))
    folder.mkdir()
    problems = itertools.dropwhile(lambda found: found is not None, (keeper.problem for _ in itertools.count()))
    assert next(problems) is None
    keeper.close()
    assert read_held(folder / "head") == note


def test_an_interrupted_writing_leaves_the_old_head(held, monkeypatch):
    write_held(held, "old\n")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_held(held, "new\n")
    assert read_held(held) == "old\n"
    assert [file.name for file in held.parent.iterdir()] == ["head"]
