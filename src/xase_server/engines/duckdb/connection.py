"""Opening DuckDB so that a query can reach nothing but the rows it is given."""

from pathlib import Path
from typing import Any

import duckdb


def open_locked(path: Path | None = None, *, memory: str = "300MB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, read-only, or to an empty one in memory that may still be filled.

    No files, no network, no extensions; UTC; memory and threads bounded. Call `lock` when it is filled.
    """
    config: dict[str, Any] = {
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": "",
    }
    connection = duckdb.connect(":memory:" if path is None else str(path), read_only=path is not None, config=config)
    connection.execute("SET TimeZone = 'UTC'")
    if path is not None:
        lock(connection)
    return connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Let no statement change a setting any more."""
    connection.execute("SET lock_configuration = true")
