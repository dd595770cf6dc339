"""What organisations had used before their accounts were kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.contract.conftest import DatabasePlace
from tests.contract.logs import running_log
from tests.contract.test_objects import append, change, release, row
from xase_server.domain.quotas import dataset_account, holder_account
from xase_server.storage import migrations

BEFORE = "DROP TABLE counted; DELETE FROM usage WHERE session LIKE '%/%';"


def migrate_again(place: DatabasePlace) -> None:
    """Take the accounts away and make them as the migration that brought them does."""
    dialect = "postgresql" if migrations.is_postgres(place.database) else "sqlite"
    file = Path(migrations.__file__).parent / "versions" / f"0005_accounts.{dialect}.sql"
    statements = BEFORE + file.read_text("utf-8")
    if dialect == "postgresql":
        import psycopg

        with psycopg.connect(place.database) as connection:
            connection.execute(statements)
        return
    with closing(sqlite3.connect(place.home / "xase.db")) as connection:
        connection.executescript(statements)


def test_what_was_used_before_is_added_up(database_place: DatabasePlace):
    lab = {"organisation": "org_läb", "partner": "org_h"}
    sessions = {
        "sess_1": {"parent": "ds_1", **lab},
        "sess_2": {"parent": "ds_1", **lab},
        "sess_3": {"parent": "ds_2", **lab},
        "sess_4": {"parent": "ds_1", "organisation": "org_h"},
    }
    with running_log(database_place.open()) as log:
        for name, fields in sessions.items():
            append(log, change(row(name, **fields)))
            append(log, release(name))
        append(log, release("sess_1"))
    database_place.close()
    migrate_again(database_place)
    names = [
        dataset_account("org_läb", "ds_1"),
        dataset_account("org_läb", "ds_2"),
        dataset_account("org_h", "ds_1"),
        holder_account("org_läb", "org_h"),
        holder_account("org_h", "org_h"),
    ]
    found = database_place.reopen().read(lambda reads: reads.usage(names))
    assert [(found[name].records, found[name].bytes, found[name].queries) for name in names] == [
        (9, 30, 3),
        (3, 10, 1),
        (3, 10, 1),
        (12, 40, 4),
        (3, 10, 1),
    ]
