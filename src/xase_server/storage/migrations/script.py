"""Running a migration's plain SQL."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import op


def run(name: str) -> None:
    """Run the statements of the file `name` in the words of the database that is being migrated."""
    connection = op.get_bind()
    text = (Path(__file__).parent / "versions" / f"{name}.{connection.dialect.name}.sql").read_text("utf-8")
    driver: Any = connection.connection.driver_connection
    for part in _sqlite_statements(text) if connection.dialect.name == "sqlite" else (text,):
        driver.execute(part)


def _sqlite_statements(text: str) -> Iterator[str]:
    """SQLite's driver takes one statement at a time, and a trigger's body holds semicolons."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"a migration ends in the middle of a statement: {statement[:80]}")
