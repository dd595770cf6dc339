"""The log, its payloads, and what is derived from them."""

from xase_server.storage.migrations.script import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    run(f"{revision}_ledger")
