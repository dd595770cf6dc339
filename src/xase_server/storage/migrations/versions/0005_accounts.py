"""What organisations have used over all of their sessions, and how many requests fell into which period."""

from xase_server.storage.migrations.script import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create it, and add up what there was before."""
    run(f"{revision}_accounts")
