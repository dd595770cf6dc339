"""`{"$date": "2025-01-15T14:32:00Z"}`: how JSON writes an instant. A plain string stays a string."""

from datetime import UTC, datetime
from typing import Any, Final

DATE_NAME: Final = "$date"


def instant(written: Any) -> datetime | None:
    """The instant of an RFC 3339 text, UTC where it has no offset; None for anything else."""
    if not isinstance(written, str):
        return None
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
