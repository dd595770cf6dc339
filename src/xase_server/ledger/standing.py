"""Whether what a unit was decided on still stands: looked at under the head's lock, in the order of the log.

So a release never follows the revocation that was appended before it, not even within one batch.
"""

from collections.abc import Iterable

from xase_server.domain.entries import Unit
from xase_server.domain.objects import Stale
from xase_server.ports import Transaction


class Standing:
    """The revisions of the objects that a batch speaks of, kept up as its units are accepted at `now_ms`."""

    def __init__(self, transaction: Transaction, units: Iterable[Unit], now_ms: int) -> None:
        self._now_ms = now_ms
        refs = dict.fromkeys(each.ref for unit in units for each in unit.expectations)
        self._revisions = dict(transaction.revisions(list(refs))) if refs else {}

    def accept(self, unit: Unit) -> Stale | None:
        """Take the unit's changes as made, or say what it did not know of."""
        moved = tuple(each.ref for each in unit.expectations if self._revisions.get(each.ref, 0) != each.revision)
        if moved or (unit.until_ms is not None and self._now_ms >= unit.until_ms):
            return Stale(moved)
        self._revisions.update({row.ref: row.revision for row in unit.changed})
        return None
