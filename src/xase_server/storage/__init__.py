"""Where the ledger is kept: SQLite, PostgreSQL or, for simulations, memory. All keep `xase_server.ports`."""

from pathlib import Path

from xase_server.ports import Storage
from xase_server.storage.migrations import is_latest, is_postgres, migrate

SQLITE_FILE = "xase.db"


def open_storage(database: str, home: Path, *, readers: int = 8) -> Storage:
    """The store that `database` names: a `postgresql://` DSN or, when empty, SQLite's file in `home`.

    It is migrated to the newest version first. `readers` are the connections for reads on
    PostgreSQL. Raises StorageUnavailable when it cannot be used or would not be durable.
    """
    place = database or home / SQLITE_FILE
    if not is_latest(place):
        migrate(place)
    if is_postgres(place):
        from xase_server.storage.postgres import PostgresStorage

        return PostgresStorage(str(place), readers)
    from xase_server.storage.sqlite import SqliteStorage

    return SqliteStorage(Path(place))
