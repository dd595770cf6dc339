"""Paying for a noisy answer: the dataset's budget moves on in the commit that lets the answer leave."""

import asyncio
from dataclasses import replace
from weakref import WeakValueDictionary

from xase_server.domain.budgets import BUDGET
from xase_server.domain.clock import Clock
from xase_server.domain.objects import Stale
from xase_server.policy.privacy import Privacy
from xase_server.services.budgets import Budgets, Paid
from xase_server.services.grants import Grant
from xase_server.services.releases import Release, Releases, new_batch_id


class Payments:
    """Pays from the budgets of datasets."""

    def __init__(self, releases: Releases, budgets: Budgets, clock: Clock) -> None:
        self._releases = releases
        self._budgets = budgets
        self._clock = clock
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def due(self, grant: Grant, privacy: Privacy) -> Paid:
        """What one more answer would leave of the budget; raises `budget_exhausted`. Stores nothing."""
        who, now_ms = grant.who.organisation, self._clock.now_ms()
        return await self._budgets.after_one_more(grant.dataset_id, grant.holder, who, privacy, now_ms=now_ms)

    async def commit(self, grant: Grant, privacy: Privacy, release: Release) -> tuple[str, Paid]:
        """The id of the answer's entry, which is paid for and durable when this returns: the answer may leave.

        Who is overtaken by another payment tries again, which ends with the budget at the latest. Raises
        `budget_exhausted`, and what `Releases.commit` raises when the grant no longer stands: nothing is spent then.
        """
        async with self._turn(grant.dataset_id):
            while True:
                identifier, paid = new_batch_id("aggregate"), await self.due(grant, privacy)
                facts = {**release.facts, **paid.facts()}
                try:
                    await self._releases.commit(grant, identifier, replace(release, facts=facts, objects=(paid.row,)))
                except Stale as stale:
                    if {ref.kind for ref in stale.moved} != {BUDGET}:
                        raise
                else:
                    return identifier, paid

    def _turn(self, dataset_id: str) -> asyncio.Lock:
        """Within one server payments from a budget queue up, so that they do not keep overtaking each other."""
        return self._turns.setdefault(dataset_id, asyncio.Lock())
