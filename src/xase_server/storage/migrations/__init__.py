"""The schema and its history: Alembic migrations in plain SQL, one file for each database.

Alembic is slow to import, so a start only asks for the version and comes here when it is not LATEST.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from xase_server.ports import StorageUnavailable

LATEST: Final = "0006"
_VERSION: Final = "SELECT version_num FROM alembic_version"
_PAGE_BYTES: Final = 4096


def migrate(database: str | Path) -> None:
    """Bring the database to the LATEST version, in one transaction; does nothing when it is there.

    `database` is a `postgresql://` DSN or the path of an SQLite file, which is made when absent.
    Several processes may call this at once. Raises StorageUnavailable when the database cannot be
    used or is of a newer version than this program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    engine = _postgres_engine(str(database)) if is_postgres(database) else _sqlite_engine(Path(database))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable(f"the database is of a version that this program does not know: {error}") from error
    except SQLAlchemyError as error:
        raise StorageUnavailable(f"the database cannot be migrated: {error}") from error
    finally:
        engine.dispose()


def is_postgres(database: str | Path) -> bool:
    """Whether this names a PostgreSQL database rather than a file."""
    return isinstance(database, str) and re.match(r"postgres(ql)?://", database) is not None


def is_latest(database: str | Path) -> bool:
    """Whether the database has the LATEST version, without importing Alembic."""
    return (_postgres_version(str(database)) if is_postgres(database) else _sqlite_version(Path(database))) == LATEST


def _sqlite_version(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute(_VERSION).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise StorageUnavailable(f"SQLite: {error}") from error
    except sqlite3.Error as error:
        raise StorageUnavailable(f"SQLite: {error}") from error
    return str(row[0]) if row else None


def _postgres_version(dsn: str) -> str | None:
    import psycopg

    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            row = connection.execute(_VERSION).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        raise StorageUnavailable(f"PostgreSQL: {error}") from error
    return str(row[0]) if row else None


def _sqlite_engine(path: Path) -> Any:
    from sqlalchemy import create_engine, event

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # counts for a new file only
        connection.execute("PRAGMA journal_mode = WAL")
        return connection

    engine = create_engine("sqlite://", creator=connect)
    # the driver would not open a transaction before DDL
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _postgres_engine(dsn: str) -> Any:
    import psycopg
    from sqlalchemy import create_engine

    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn, connect_timeout=5))
