"""Privacy budgets: how much ε the answers about one dataset have cost (docs/spec/policy.md, section 8).

One for each dataset, whatever its versions, and whoever asks: noise protects people from all readers together.
ε is a `Decimal` of at most six places, so that sums are exact.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct, field, structs

from xase_server.domain.objects import ObjectRef

BUDGET: Final = "budget"
PLACES: Final = 6
"""Decimal places of an ε."""


class Share(Struct, frozen=True):
    """What one organisation has spent of a budget."""

    epsilon: Decimal = Decimal(0)
    queries: int = 0


class Budget(Struct, frozen=True):
    """What a dataset's answers have cost so far, by organisation. It only grows."""

    shares: dict[str, Share] = field(default_factory=dict)

    @property
    def spent(self) -> Decimal:
        """By all organisations together."""
        return sum((share.epsilon for share in self.shares.values()), Decimal(0))

    def after(self, organisation: str, epsilon: Decimal) -> "Budget":
        """The budget when this organisation has had one more answer at this price."""
        before = self.shares.get(organisation, Share())
        share = Share(before.epsilon + epsilon, before.queries + 1)
        return structs.replace(self, shares={**self.shares, organisation: share})


def budget_ref(dataset_id: str) -> ObjectRef:
    """What a dataset's budget is found by."""
    return ObjectRef(BUDGET, dataset_id)


def epsilon_text(epsilon: Decimal) -> str:
    """An ε as entries and contracts write it: plain digits, none that says nothing."""
    return f"{epsilon.normalize():f}"
