"""Whether what a unit was decided on still stands: looked at under the head's lock, in the order of the log.

So a release never follows the revocation that was appended before it, and no quota or rate is passed, not even within
one batch or by two servers of one store.
"""

from collections.abc import Sequence

from xase_server.domain.entries import Unit, Used
from xase_server.domain.objects import Stale, Usage
from xase_server.domain.quotas import NONE_COUNTED, Counted, Rate
from xase_server.ports import Transaction


class Standing:
    """The objects and what was used that a batch speaks of, kept up as its units are accepted at `now_ms`."""

    def __init__(self, transaction: Transaction, units: Sequence[Unit], now_ms: int) -> None:
        self._now_ms = now_ms
        refs = dict.fromkeys(each.ref for unit in units for each in unit.expectations)
        self._revisions = dict(transaction.revisions(list(refs))) if refs else {}
        bounded = dict.fromkeys(each.account for unit in units for each in unit.within)
        used = transaction.usage(list(bounded)) if bounded else {}
        self._used = {account: used.get(account, Usage()) for account in bounded}
        rates = {rate.key: rate for unit in units for rate in _rates_in(unit)}
        counted = transaction.counted(list(rates)) if rates else {}
        self._counted = {key: rate.now(counted.get(key, NONE_COUNTED), now_ms) for key, rate in rates.items()}

    def accept(self, unit: Unit) -> Stale | None:
        """Take the unit's changes as made, or say what it did not know of."""
        expectations = unit.expectations
        moved = [each.ref for each in expectations if self._revisions.get(each.ref, 0) != each.revision]
        if moved or (unit.until_ms is not None and self._now_ms >= unit.until_ms):
            return Stale(tuple(moved))
        if self._used or self._counted:
            used, counted = self._with(unit), self._counted_with(unit)
            beyond = [each.ref for each in unit.within if not each.covers(used[each.account])]
            beyond += [rate.ref for rate in _rates_in(unit) if counted[rate.key].requests > rate.limit]
            if beyond:
                return Stale(tuple(dict.fromkeys(beyond)))
            self._used, self._counted = used, counted
        if expectations:  # what is changed is among them
            self._revisions.update({row.ref: row.revision for row in unit.changed})
        return None

    def _with(self, unit: Unit) -> dict[str, Usage]:
        """What the accounts that have bounds will have used with this unit."""
        used = self._used
        for each in unit.uses:
            more = {"records": each.records, "bytes": each.bytes, "queries": each.queries}
            bounded = [account for account in (each.session, *each.accounts) if account in used]
            used = used | {account: used[account].plus(**more) for account in bounded}
        return used

    def _counted_with(self, unit: Unit) -> dict[tuple[str, int], Counted]:
        """How many requests will have been counted with this unit."""
        counted = self._counted
        for rate in _rates_in(unit):
            period, requests = counted[rate.key]
            counted = counted | {rate.key: Counted(period, requests + 1)}
        return counted


def _rates_in(unit: Unit) -> list[Rate]:
    """What the unit's requests count towards."""
    return [rate for each in unit.appends if type(each.effect) is Used for rate in each.effect.rates]
