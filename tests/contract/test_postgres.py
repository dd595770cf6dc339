"""What only PostgreSQL promises, and how it is used safely."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest

from tests.contract.conftest import DatabasePlace
from tests.contract.logs import SIGNER, Log, running_log
from tests.contract.records import decision, make_append
from xase_server.domain.errors import Refused
from xase_server.ledger.audit import audit
from xase_server.ports import StorageUnavailable
from xase_server.storage import migrations, open_storage


@pytest.fixture
def place(postgres_place: DatabasePlace) -> DatabasePlace:
    return postgres_place


@pytest.fixture
def log(place: DatabasePlace) -> Iterator[Log]:
    with running_log(place.open()) as running:
        yield running


@pytest.fixture
def intruder(place: DatabasePlace) -> Iterator[psycopg.Connection]:
    """Somebody who writes to the database past the server."""
    with psycopg.connect(place.database, autocommit=True) as connection:
        yield connection


def kill_all(intruder: psycopg.Connection) -> None:
    """End every connection to this database but one's own."""
    intruder.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@pytest.mark.parametrize("table", ["entries", "checkpoints"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_itself_refuses_to_change_the_log(log, intruder, table, statement):
    log.append(make_append())
    column = {"entries": "idx", "checkpoints": "size"}[table]
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        intruder.execute(statement.format(table, column, column))


def test_the_service_role_may_append_but_not_change_the_log(place, intruder):
    place.open()
    role = f"service_of_{intruder.info.dbname}"
    grants = files("xase_server.storage").joinpath("sql", "service_role.sql").read_text("utf-8")
    intruder.execute(f"CREATE ROLE {role} LOGIN")
    intruder.execute(grants.replace("xase_service", role))
    as_service = place.database.replace("xase@", f"{role}@")
    storage = open_storage(as_service, place.home)
    with running_log(storage) as log, psycopg.connect(as_service, autocommit=True) as connection:
        log.append(decision())
        for statement in ("UPDATE entries SET raw = ''", "DELETE FROM checkpoints", "TRUNCATE entries"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    assert audit(storage, [SIGNER.verifier]).clean
    storage.close()


def test_a_connection_that_does_not_wait_for_the_disk_is_refused(place):
    place.open()
    with pytest.raises(StorageUnavailable, match="synchronous_commit"):
        open_storage(f"{place.database}&options=-csynchronous_commit%3Doff", place.home)


def test_a_server_that_was_made_unsafe_is_noticed(place, intruder):
    storage = place.open()
    storage.check()
    intruder.execute("ALTER SYSTEM SET full_page_writes = off")
    intruder.execute("SELECT pg_reload_conf()")
    try:
        while intruder.execute("SHOW full_page_writes").fetchone() == ("on",):
            pass
        with pytest.raises(StorageUnavailable, match="full_page_writes"):
            place.reopen()
    finally:
        intruder.execute("ALTER SYSTEM RESET full_page_writes")
        intruder.execute("SELECT pg_reload_conf()")
        while intruder.execute("SHOW full_page_writes").fetchone() == ("off",):
            pass


def test_killed_connections_cost_one_refusal_at_most(log, intruder):
    log.append(make_append())
    kill_all(intruder)
    assert log.size == 1  # reading finds itself another connection
    kill_all(intruder)
    with pytest.raises(Refused, match="cannot be written"):
        log.append(make_append())
    log.append(make_append())
    assert log.size == 2
    assert audit(log.storage, [SIGNER.verifier]).clean


def test_a_connection_killed_inside_a_transaction_leaves_nothing(log, intruder):
    log.append(make_append())
    storage = log.storage

    def die() -> None:
        with storage.begin() as transaction:
            assert transaction.head.size == 1
            kill_all(intruder)

    with pytest.raises(StorageUnavailable):
        die()
    log.append(make_append())
    assert audit(storage, [SIGNER.verifier]).size == 2


def test_a_database_that_is_not_there_is_unavailable(place, tmp_path):
    with pytest.raises(StorageUnavailable):
        open_storage(place.database.replace("/xase_", "/nowhere_"), tmp_path)


def test_migrating_again_changes_nothing(place):
    with running_log(place.open()) as log:
        log.append(make_append())
    migrations.migrate(place.database)
    assert migrations.is_latest(place.database)
    assert audit(place.reopen(), [SIGNER.verifier]).size == 1
