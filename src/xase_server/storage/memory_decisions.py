"""A decision record in plain dictionaries: what the databases' lists are held to."""

from dataclasses import dataclass

from xase_server.domain.decisions import DecisionFilter
from xase_server.domain.entries import DecisionStored


@dataclass(frozen=True, slots=True)
class MemoryDecision:
    """A decision record as it is listed."""

    id: str
    number: int
    index: int
    created_ms: int
    stored: DecisionStored
    transaction_id: str | None
    intervened: bool = False
    erased: int | None = None

    def matches(self, wanted: DecisionFilter) -> bool:
        """Whether it belongs in a list of these criteria."""
        confidence = self.stored.confidence
        low, high = wanted.min_confidence, wanted.max_confidence
        return (
            wanted.model_id in {None, self.stored.model_id}
            and wanted.policy_id in {None, self.stored.policy_id}
            and wanted.transaction_id in {None, self.transaction_id}
            and wanted.has_intervention in {None, self.intervened}
            and (wanted.since_ms is None or wanted.since_ms <= self.created_ms)
            and (wanted.until_ms is None or self.created_ms < wanted.until_ms)
            and (low is None or (confidence is not None and low <= confidence))
            and (high is None or (confidence is not None and confidence <= high))
        )
