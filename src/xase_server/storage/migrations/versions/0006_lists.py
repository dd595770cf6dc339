"""SQLite's lists of decisions lie in a file of their own, and are made anew there."""

from alembic import op

from xase_server.storage.migrations.script import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Remove them from the database; PostgreSQL keeps its own."""
    if op.get_bind().dialect.name == "sqlite":
        run(f"{revision}_lists")
