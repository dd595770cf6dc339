"""What only the embedded database promises."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.conftest import DatabasePlace
from tests.contract.logs import SIGNER, Log, running_log
from tests.contract.records import decision, erasure, make_append
from xase_server.domain.errors import Refused
from xase_server.ledger.audit import audit
from xase_server.ports import StorageUnavailable
from xase_server.storage import folding, migrations, open_storage, sqlite

SECRET = "Wilhelmina-Featherstonehaugh-1948"


@pytest.fixture
def place(sqlite_place: DatabasePlace) -> DatabasePlace:
    return sqlite_place


@pytest.fixture
def log(place: DatabasePlace) -> Iterator[Log]:
    with running_log(place.open()) as running:
        yield running


@pytest.fixture
def intruder(place: DatabasePlace) -> Iterator[sqlite3.Connection]:
    """Somebody who writes to the database file past the server."""
    with closing(sqlite3.connect(place.home / "xase.db", isolation_level=None)) as connection:
        yield connection


def bytes_on_disk(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.iterdir() if file.name.startswith("xase.db"))


@pytest.mark.parametrize("size", [10, 3_000, 40_000])
def test_erased_bytes_are_nowhere_in_the_database_files(log: Log, place: DatabasePlace, size: int):
    made = decision(input={"name": SECRET, "more": "x" * size}, transaction_id=SECRET)
    salts = [part.salt for part in made.parts.values()]
    log.append(*[decision() for _ in range(5)])
    log.append(made)
    assert SECRET.encode() in bytes_on_disk(place.home)
    log.append(erasure(made.id, ("input", "output", "transaction_id")))
    left = bytes_on_disk(place.home)
    assert SECRET.encode() not in left
    assert made.parts["input"].salt == salts[0]
    assert audit(log.storage, [SIGNER.verifier]).clean


def test_bytes_erased_just_before_a_crash_are_gone_after_the_next_commit(place: DatabasePlace):
    with running_log(place.open()) as log:
        made = decision(input={"name": SECRET})
        log.append(made)
    storage = place.reopen()
    with closing(sqlite3.connect(place.home / "xase.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchall()  # this view keeps the log file from being cut
        with running_log(storage) as log:
            log.append(erasure(made.id, ("input",)))
            assert SECRET.encode() in bytes_on_disk(place.home)
            reader.execute("COMMIT")
            log.append(make_append())
            assert SECRET.encode() not in bytes_on_disk(place.home)


def test_the_write_ahead_log_is_folded_beside_the_commits(
    place: DatabasePlace, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(folding, "FOLDED_AT_ONCE", 1)
    storage, made = place.open(), make_append()
    intruder.execute("SELECT size FROM log_head").fetchall()  # whoever closes last would fold everything
    with running_log(storage) as log:
        log.append(made)
    storage.close()
    assert (place.home / "xase.db-wal").exists()
    assert made.id.encode() in (place.home / "xase.db").read_bytes()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET raw = x'00' WHERE idx = 0",
        "DELETE FROM entries WHERE idx = 0",
        "UPDATE checkpoints SET note = ''",
        "DELETE FROM checkpoints",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(log: Log, intruder: sqlite3.Connection, statement: str):
    log.append(make_append())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        intruder.execute(statement)


def test_a_store_without_full_synchronisation_is_refused(place: DatabasePlace, monkeypatch: pytest.MonkeyPatch):
    place.open()
    weak = [setting.replace("synchronous = FULL", "synchronous = NORMAL") for setting in sqlite._SETTINGS]
    monkeypatch.setattr(sqlite, "_SETTINGS", weak)
    with pytest.raises(StorageUnavailable, match="synchronous"):
        place.reopen()


def test_a_database_that_lost_its_write_ahead_log_is_refused(place: DatabasePlace, intruder: sqlite3.Connection):
    storage = place.open()
    storage.check()
    storage.close()
    intruder.execute("PRAGMA journal_mode = DELETE")
    intruder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageUnavailable):
        place.open()


def test_a_locked_database_is_unavailable_and_recovers(
    place: DatabasePlace, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with running_log(place.open()) as log:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused, match="cannot be written"):
            log.append(make_append())
        assert log.size == 0
        intruder.execute("ROLLBACK")
        log.append(make_append())
        assert log.size == 1


def test_a_turn_that_never_comes_is_unavailable(place: DatabasePlace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    first, second = place.open(), place.open()
    with first.begin(), pytest.raises(StorageUnavailable, match="locked"):
        second.raise_epoch()
    assert second.raise_epoch() == 1


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path):
    (tmp_path / "xase.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageUnavailable):
        open_storage("", tmp_path)


def test_a_database_of_a_newer_version_is_refused(place: DatabasePlace, intruder: sqlite3.Connection):
    place.open()
    place.close()
    intruder.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnavailable, match="does not know"):
        place.open()


def test_migrating_again_changes_nothing(place: DatabasePlace):
    with running_log(place.open()) as log:
        log.append(make_append())
    migrations.migrate(place.home / "xase.db")
    assert migrations.is_latest(place.home / "xase.db")
    assert audit(place.reopen(), [SIGNER.verifier]).size == 1
