"""The map from tokens to the values that they stand for."""

from xase_server.storage.migrations.script import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create it."""
    run(f"{revision}_tokens")
