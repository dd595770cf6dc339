"""Running a migration's plain SQL."""

import sqlite3
from pathlib import Path

from alembic import op


def run(name: str) -> None:
    """Run the statements of the file `name` in the words of the database that is being migrated."""
    connection = op.get_bind()
    text = (Path(__file__).parent / "versions" / f"{name}.{connection.dialect.name}.sql").read_text("utf-8")
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):  # knows that a trigger's body holds semicolons
            connection.exec_driver_sql(statement)
            statement = ""
