"""Messages of webhooks."""

from xase_server.storage.migrations.script import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create them."""
    run(f"{revision}_webhooks")
