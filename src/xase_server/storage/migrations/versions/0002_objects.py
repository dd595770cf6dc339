"""Objects of the control plane, what sessions used, and which releases touch which records."""

from xase_server.storage.migrations.script import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    run(f"{revision}_objects")
