"""Dictionaries that a transaction can put back, and a store in memory made of them."""

import pytest

from tests.contract.logs import Log, running_log
from tests.contract.records import make_append
from tests.contract.test_objects import row
from xase_server.domain.entries import ObjectsChanged, Unit
from xase_server.domain.errors import Refused
from xase_server.storage.journal import Journal, Kept
from xase_server.storage.memory import MemoryStorage


def test_what_is_undone_is_as_it_was_at_the_last_commit():
    journal = Journal()
    one, other = Kept[str, int](journal), Kept[str, int](journal)
    one.put({"a": 1, "b": 2})
    journal.commit()
    one["a"] = 3
    one["a"] = 4
    del one["b"]
    assert (one.setdefault("b", 5), other.setdefault("c", 6)) == (5, 6)
    journal.undo()
    assert (one, other) == ({"a": 1, "b": 2}, {})
    journal.undo()
    assert one == {"a": 1, "b": 2}


@pytest.fixture
def log():
    with running_log(MemoryStorage()) as running:
        yield running


def changed(log: Log, *rows) -> None:
    log.ledger.append_now(Unit(tuple(make_append(effect=ObjectsChanged((each,))) for each in rows)))


def test_what_a_refused_unit_had_written_is_gone(log: Log):
    changed(log, row("sess_1", name="one"))
    size = log.size
    with pytest.raises(Refused, match="in use"):
        changed(log, row("sess_1", 2, name="two"), row("sess_2", name="two"))
    assert log.size == size
    assert log.read(lambda reads: reads.object(row("sess_2").ref)) is None
    changed(log, row("sess_1", 2, name="two"), row("sess_2", name="one"))


def test_a_view_stands_still_while_others_write(log: Log):
    changed(log, row("sess_1"))

    def look(reads):
        before = reads.object(row("sess_1").ref), reads.head().size
        changed(log, row("sess_1", 2))
        return before, (reads.object(row("sess_1").ref), reads.head().size)

    before, after = log.read(look)
    assert before == after
    assert log.read(lambda reads: reads.object(row("sess_1").ref)).revision == 2
