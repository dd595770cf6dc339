"""SQLite's lists of decisions follow from the log: losing them, or finding those of another log, changes no answer."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.conftest import DatabasePlace
from tests.contract.logs import SIGNER, Log, running_log
from tests.contract.records import decision
from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.ledger.audit import audit
from xase_server.storage import merging

OLD_TABLES = """
CREATE TABLE postings (organisation, kind, value, number, rank, confidence);
CREATE TABLE merged (organisation, kind, number);
CREATE TABLE buckets (organisation, bucket, low, high);
INSERT INTO merged VALUES (1, 0, 2), (1, 1, 2), (1, 2, 2);
UPDATE alembic_version SET version_num = '0005';
"""


@pytest.fixture
def place(sqlite_place: DatabasePlace) -> DatabasePlace:
    return sqlite_place


@pytest.fixture(autouse=True)
def _listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever closes has all listed by the one step that is still made, whenever the thread had its turns before."""
    monkeypatch.setattr(merging, "FAR_BEHIND", 1)


def fill(log: Log, *models: str) -> None:
    for number, model in enumerate(models):
        log.append(decision(model, confidence=number / len(models)))


def totals(log: Log) -> dict[str, int]:
    def total(criteria: DecisionFilter) -> int:
        return int(log.read(lambda reads: reads.list_decisions("org_a", criteria, Page(limit=1))).total)

    by_confidence = DecisionFilter(min_confidence=0.0, max_confidence=0.5)
    return {model: total(DecisionFilter(model_id=model)) for model in "ab"} | {"low": total(by_confidence)}


def listed(home: Path) -> dict[int, int]:
    """How far each kind of list reaches in the file."""
    with closing(sqlite3.connect(home / "xase.db-lists")) as connection:
        return dict(connection.execute("SELECT kind, number FROM merged").fetchall())


def remove_lists(home: Path) -> None:
    for file in home.glob("xase.db-lists*"):
        file.unlink()


def test_lists_are_brought_up_to_date_beside_the_commits(place: DatabasePlace):
    with running_log(place.open()) as log:
        fill(log, *"abab")
        place.close()
    assert listed(place.home) == dict.fromkeys(merging.KINDS, 4)
    with running_log(place.open()) as log:
        assert totals(log) == {"a": 2, "b": 2, "low": 3}


def test_lists_that_are_lost_are_made_anew_step_by_step(place: DatabasePlace, monkeypatch: pytest.MonkeyPatch):
    with running_log(place.open()) as log:
        fill(log, *"ababa")
    place.close()
    remove_lists(place.home)
    monkeypatch.setattr(merging, "MOST_AT_ONCE", 2)
    with running_log(place.open()) as log:
        assert totals(log) == {"a": 3, "b": 2, "low": 3}
        log.append(decision("b"))
        place.close()
    reached = listed(place.home)
    assert set(reached) == set(merging.KINDS)
    assert min(reached.values()) >= 2


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b""])
def test_a_file_that_holds_no_lists_is_replaced(place: DatabasePlace, content: bytes):
    with running_log(place.open()) as log:
        fill(log, *"abab")
    place.close()
    remove_lists(place.home)
    (place.home / "xase.db-lists").write_bytes(content)
    with running_log(place.open()) as log:
        assert totals(log) == {"a": 2, "b": 2, "low": 3}


def test_lists_of_another_history_are_not_believed(place: DatabasePlace):
    with running_log(place.open()) as log:
        fill(log, *"ab")
    place.close()
    earlier = place.home / "earlier.db"
    shutil.copy(place.home / "xase.db", earlier)
    with running_log(place.open()) as log:
        fill(log, *"aaaa")
    place.close()
    assert min(listed(place.home).values()) == 6
    earlier.replace(place.home / "xase.db")
    storage = place.open()
    with running_log(storage) as log:
        fill(log, *"bbb")
        assert totals(log) == {"a": 1, "b": 4, "low": 4}
    assert audit(storage, [SIGNER.verifier]).clean


def test_lists_inside_a_database_of_an_earlier_version_are_removed(place: DatabasePlace):
    with running_log(place.open()) as log:
        fill(log, *"abb")
    place.close()
    remove_lists(place.home)
    with closing(sqlite3.connect(place.home / "xase.db")) as connection:
        connection.executescript(OLD_TABLES)
    storage = place.open()
    with running_log(storage) as log:
        fill(log, "a")
        assert totals(log) == {"a": 2, "b": 2, "low": 2 + 1}
    assert audit(storage, [SIGNER.verifier]).clean


def test_decisions_are_listed_although_another_process_appends_them(place: DatabasePlace):
    mine, others = place.open(), place.open()
    with running_log(mine) as log, running_log(others) as other:
        fill(log, *"ab")
        fill(other, *"ba")
        fill(log, *"ab")
        assert totals(log) == totals(other) == {"a": 3, "b": 3, "low": 6}
    place.close()
    assert set(listed(place.home).values()) == {6}
