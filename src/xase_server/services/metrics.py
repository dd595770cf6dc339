"""How a model has been deciding: counts, what people did about it, confidence, and drift between two periods.

Source: docs/spec/api.md, section 2.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

from msgspec.json import decode

from xase.proof.entry import format_time
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Action, DecisionFilter, Page
from xase_server.domain.principals import Principal
from xase_server.ports import DecisionRow, Reads
from xase_server.services.reading import Reader
from xase_server.services.views import View

BUCKETS: Final = 10
_STEP: Final = 1_000
_SMOOTHING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Period:
    """What was decided from one instant to another."""

    since_ms: int
    until_ms: int
    decisions: int
    intervened: int
    actions: Counter[str]
    histogram: tuple[int, ...]

    def view(self) -> View:
        """The period as the API answers it; the rate is of decisions that a person overrode."""
        overridden = self.actions["OVERRIDE"]
        return {
            "from": format_time(self.since_ms),
            "until": format_time(self.until_ms),
            "decisions": self.decisions,
            "intervened": self.intervened,
            "interventions": {action: self.actions[action] for action in get_args(Action)},
            "override_rate": overridden / self.decisions if self.decisions else None,
            "confidence": [
                {"from": n / BUCKETS, "to": (n + 1) / BUCKETS, "count": count} for n, count in enumerate(self.histogram)
            ],
        }


class DecisionMetrics:
    """Counts the decisions of the caller's organisation; exact, from the same lists that callers page through."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def decisions(self, who: Principal, model_id: str | None, policy_id: str | None, length_ms: int) -> View:
        """The period of this length that ends now, the one before it, and how far confidence has drifted."""
        until_ms = self._clock.now_ms() + 1
        criteria = DecisionFilter(model_id=model_id, policy_id=policy_id)

        def work(reads: Reads) -> tuple[Period, Period]:
            now = _measure(reads, who.organisation, criteria, (until_ms - length_ms, until_ms))
            return now, _measure(reads, who.organisation, criteria, (now.since_ms - length_ms, now.since_ms))

        now, before = await self._reader.scan(work)
        return {
            "model_id": model_id,
            "policy_id": policy_id,
            "period": now.view(),
            "previous": before.view(),
            "drift": {"population_stability_index": stability_index(before.histogram, now.histogram)},
        }


def stability_index(before: Sequence[int], now: Sequence[int]) -> float | None:
    """The population stability index of two histograms; None when one of them is empty.

    0 for equal shapes; by custom, below 0.1 is steady and above 0.25 has drifted. Each bucket
    counts half a decision more, so that empty ones have a share.
    """
    if not sum(before) or not sum(now):
        return None
    return sum((new - old) * math.log(new / old) for old, new in zip(_shares(before), _shares(now), strict=True))


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + _SMOOTHING * len(counts)
    return [(count + _SMOOTHING) / total for count in counts]


def _measure(reads: Reads, organisation: str, criteria: DecisionFilter, span: tuple[int, int]) -> Period:
    within = replace(criteria, since_ms=span[0], until_ms=span[1])
    intervened = replace(within, has_intervention=True)
    return Period(
        since_ms=span[0],
        until_ms=span[1],
        decisions=_count(reads, organisation, within),
        intervened=_count(reads, organisation, intervened),
        actions=_actions(reads, organisation, intervened),
        histogram=tuple(_count(reads, organisation, _bucket(within, n)) for n in range(BUCKETS)),
    )


def _bucket(criteria: DecisionFilter, n: int) -> DecisionFilter:
    """Confidences from n/10 up to, but only in the last bucket including, (n+1)/10."""
    top = (n + 1) / BUCKETS
    last = n + 1 == BUCKETS
    return replace(criteria, min_confidence=n / BUCKETS, max_confidence=top if last else math.nextafter(top, 0))


def _count(reads: Reads, organisation: str, criteria: DecisionFilter) -> int:
    return reads.list_decisions(organisation, criteria, Page(limit=1)).total


def _actions(reads: Reads, organisation: str, criteria: DecisionFilter) -> Counter[str]:
    """How many decisions saw each action; one decision counts once for an action."""
    seen: Counter[str] = Counter()
    for rows in _pages(reads, organisation, criteria):
        interventions = reads.interventions(organisation, [row.id for row in rows])
        seen.update(action for _, action in {(each.record_id, _action(each.raw)) for each in interventions})
    return seen


def _pages(reads: Reads, organisation: str, criteria: DecisionFilter) -> Iterator[Sequence[DecisionRow]]:
    after: int | None = None
    while True:
        page = reads.list_decisions(organisation, criteria, Page(limit=_STEP, after=after, descending=False))
        yield page.rows
        if page.next_after is None:
            return
        after = page.next_after


def _action(raw: bytes) -> str:
    return str(decode(raw)["body"]["action"])
