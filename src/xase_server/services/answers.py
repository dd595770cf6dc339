"""What a pipeline is answered with."""

from dataclasses import dataclass

from msgspec import Raw

from xase_server.services.budgets import Paid
from xase_server.services.releases import evidence_id


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a pipeline as a JSON list; `paid` says what they cost where they bear noise."""

    aggregation_id: str
    results: Raw
    count: int
    paid: Paid | None = None

    @property
    def evidence_id(self) -> str:
        """What finds the entry of this answer."""
        return evidence_id(self.aggregation_id)
