"""Privacy budgets of datasets: read, paid from, shown to the holder (docs/spec/policy.md, section 8).

A budget moves on in the commit of the answer that it pays for, and only from the revision that was looked at:
so no two answers spend the same ε, on however many servers, and what a crash keeps from leaving is spent all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from xase_server.domain.budgets import Budget, budget_ref, epsilon_text
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import Principal
from xase_server.policy.decide import Layer
from xase_server.policy.privacy import Privacy, privacy_of
from xase_server.ports import Reads
from xase_server.services.documents import budget_of, document_of
from xase_server.services.governance import Governance
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import find_own_dataset


@dataclass(frozen=True, slots=True)
class Paid:
    """A budget as an answer leaves it: `row` is to be appended with it."""

    row: ObjectRow
    epsilon: Decimal
    spent: Decimal
    total: Decimal

    def view(self) -> View:
        """What the answer says of it."""
        return {
            "epsilon": float(self.epsilon),
            "epsilon_spent": float(self.spent),
            "epsilon_left": float(self.total - self.spent),
        }

    def facts(self) -> View:
        """What the entry of the answer says of it."""
        return {
            "epsilon": epsilon_text(self.epsilon),
            "epsilon_spent": epsilon_text(self.spent),
            "epsilon_total": epsilon_text(self.total),
        }


class Budgets:
    """The budgets of all datasets."""

    def __init__(self, reader: Reader, governance: Governance) -> None:
        self._reader = reader
        self._governance = governance

    async def after_one_more(self, dataset_id: str, holder: str, payer: str, privacy: Privacy, *, now_ms: int) -> Paid:
        """The budget of the holder's dataset after one more answer for the organisation `payer`. Stores nothing.

        Raises `budget_exhausted` when it does not cover that.
        """
        before = await self._reader.point(lambda reads: reads.object(budget_ref(dataset_id)))
        budget = Budget() if before is None else budget_of(before)
        after = budget.after(payer, privacy.epsilon_per_query)
        if after.spent > privacy.epsilon_total:
            raise _exhausted(budget, privacy)
        return Paid(
            _row(before, dataset_id, holder, after, now_ms),
            privacy.epsilon_per_query,
            after.spent,
            privacy.epsilon_total,
        )

    async def show(self, who: Principal, name: str) -> View:
        """The budget of one of the caller's own datasets; raises `not_found`."""
        return await self._reader.point(
            lambda reads: self._view(reads, find_own_dataset(reads, who.organisation, name))
        )

    def _view(self, reads: Reads, row: ObjectRow) -> View:
        found = reads.object(budget_ref(row.id))
        budget = Budget() if found is None else budget_of(found)
        total = _total(self._governance.governed(reads, row).layers)
        return {
            "dataset_id": row.id,
            "epsilon_total": None if total is None else float(total),
            "epsilon_spent": float(budget.spent),
            "epsilon_left": None if total is None else float(max(Decimal(0), total - budget.spent)),
            "organisations": [
                {"organisation": name, "epsilon_spent": float(share.epsilon), "queries": share.queries}
                for name, share in sorted(budget.shares.items())
            ],
        }


def _row(before: ObjectRow | None, dataset_id: str, holder: str, budget: Budget, now_ms: int) -> ObjectRow:
    if before is not None:
        return structs.replace(before, revision=before.revision + 1, document=document_of(budget))
    ref = budget_ref(dataset_id)
    return ObjectRow(
        kind=ref.kind,
        id=ref.id,
        organisation=holder,
        revision=1,
        document=document_of(budget),
        created_ms=now_ms,
        status="ACTIVE",
        parent=dataset_id,
    )


def _exhausted(budget: Budget, privacy: Privacy) -> Refused:
    left = max(Decimal(0), privacy.epsilon_total - budget.spent)
    return Refused(
        "budget_exhausted",
        "The dataset's privacy budget does not cover another such query",
        {
            "limit": "epsilon_total",
            "epsilon_total": float(privacy.epsilon_total),
            "epsilon_needed": float(privacy.epsilon_per_query),
            "epsilon_left": float(left),
            "resets_at": None,
        },
    )


def _total(layers: Iterable[Layer]) -> Decimal | None:
    """The most that all answers may cost together: of each policy in force the largest rule, of those the smallest."""
    terms = ([privacy_of(rule.constrain) for rule in layer.policy.rules] for layer in layers)
    totals = ([each.epsilon_total for each in of_rules if each is not None] for of_rules in terms)
    return min((max(each) for each in totals if each), default=None)
