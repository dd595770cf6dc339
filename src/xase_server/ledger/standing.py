"""Whether what a unit was decided on still stands: looked at under the head's lock, in the order of the log.

So a release never follows the revocation that was appended before it, and no quota is passed, not even within
one batch or by two servers of one store.
"""

from collections.abc import Sequence

from xase_server.domain.entries import Unit
from xase_server.domain.objects import Stale, Usage
from xase_server.domain.sessions import session_ref
from xase_server.ports import Transaction


class Standing:
    """The objects and usage that a batch speaks of, kept up as its units are accepted at `now_ms`."""

    def __init__(self, transaction: Transaction, units: Sequence[Unit], now_ms: int) -> None:
        self._now_ms = now_ms
        refs = dict.fromkeys(each.ref for unit in units for each in unit.expectations)
        self._revisions = dict(transaction.revisions(list(refs))) if refs else {}
        bounded = dict.fromkeys(unit.within.session for unit in units if unit.within is not None)
        used = transaction.usage(list(bounded)) if bounded else {}
        self._used = {session: used.get(session, Usage()) for session in bounded}

    def accept(self, unit: Unit) -> Stale | None:
        """Take the unit's changes as made, or say what it did not know of."""
        expectations = unit.expectations
        moved = [each.ref for each in expectations if self._revisions.get(each.ref, 0) != each.revision]
        if moved or (unit.until_ms is not None and self._now_ms >= unit.until_ms):
            return Stale(tuple(moved))
        if self._used:
            used = self._with(unit)
            if unit.within is not None and not unit.within.covers(used[unit.within.session]):
                return Stale((session_ref(unit.within.session),))
            self._used = used
        if expectations:  # what is changed is among them
            self._revisions.update({row.ref: row.revision for row in unit.changed})
        return None

    def _with(self, unit: Unit) -> dict[str, Usage]:
        """What the sessions that have bounds will have used with this unit."""
        used = self._used
        for each in unit.uses:
            if each.session in used:
                used = used | {
                    each.session: used[each.session].plus(records=each.records, bytes=each.bytes, queries=each.queries)
                }
        return used
