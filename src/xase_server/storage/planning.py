"""From a filter to the set of numbers that answers it fastest.

Model, policy, period and has_intervention in any combination, and confidence alone, are counted by
ranks and blocks. Other combinations read the shortest list that bounds them, once.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from xase_server.domain.decisions import DecisionFilter
from xase_server.storage.confidence import LEAF_LEVEL, bucket_of, cover
from xase_server.storage.names import (
    CONFIDENCE,
    EVERY,
    MODEL,
    MODEL_AND_POLICY,
    POLICY,
    bucket_bytes,
    name_bytes,
    pair_bytes,
)
from xase_server.storage.numbers import Every, Intervened, Numbers, Ranked, Scanned, Together, Without
from xase_server.storage.session import Session

_WORTH_A_LIST: Final = 8
"""A list is read rather than all decisions when it holds less than one in this many."""


def plan(session: Session, organisation: int, criteria: DecisionFilter, start: int, stop: int) -> Numbers:
    """The decisions that match; the period's bounds are given as the numbers `start` and `stop`."""
    return _Planner(session, organisation, criteria, start, stop).plan()


class _Planner:
    def __init__(self, session: Session, organisation: int, criteria: DecisionFilter, start: int, stop: int) -> None:
        self._session = session
        self._organisation = organisation
        self._criteria = criteria
        self._start = start
        self._stop = stop
        self._model = self._list(MODEL, criteria.model_id)
        self._policy = self._list(POLICY, criteria.policy_id)
        self._low = max(criteria.min_confidence or 0.0, 0.0)
        self._high = min(1.0 if criteria.max_confidence is None else criteria.max_confidence, 1.0)

    def plan(self) -> Numbers:
        wanted = self._criteria
        by_name = wanted.model_id is not None or wanted.policy_id is not None
        by_confidence = wanted.min_confidence is not None or wanted.max_confidence is not None
        if (wanted.model_id and self._model is None) or (wanted.policy_id and self._policy is None):
            return Ranked(self._session, ())
        if wanted.transaction_id is not None:
            return self._scan("transaction", transaction=name_bytes(wanted.transaction_id))
        if not by_confidence:
            return self._by_intervention()
        if by_name or wanted.has_intervention is not None:
            return self._scan_shortest()
        return self._by_confidence()

    def _list(self, kind: int, name: str | None) -> int | None:
        return None if name is None else self._number(kind, name_bytes(name))

    def _number(self, kind: int, value: bytes) -> int | None:
        rows = self._session.rows("list_number", organisation=self._organisation, kind=kind, value=value)
        return rows[0][0] if rows else None

    # ------------------------------------------------------------------ model, policy, has_intervention

    def _named_list(self) -> int | None:
        """The list of exactly the decisions with this model and policy; None when there is none."""
        if self._model is None and self._policy is None:
            return self._number(EVERY, b"")
        if self._model is None or self._policy is None:
            return self._model or self._policy
        return self._number(MODEL_AND_POLICY, pair_bytes(self._model, self._policy))

    def _by_intervention(self) -> Numbers:
        wanted, listed = self._criteria.has_intervention, self._named_list()
        named = self._model is not None or self._policy is not None
        whole = Ranked(self._session, () if listed is None else (listed,)) if named else Every()
        if wanted is None:
            return whole
        if listed is None:  # no such decisions or, of all decisions, none with an intervention yet
            return Ranked(self._session, ()) if wanted else whole
        intervened = Intervened(self._session, listed)
        return intervened if wanted else Without(whole, intervened)

    # ------------------------------------------------------------------ confidence

    def _by_confidence(self) -> Numbers:
        if self._low > self._high:
            return Ranked(self._session, ())
        first, last = bucket_of(self._low), bucket_of(self._high)
        whole = [row[0] for group in cover(first + 1, last - 1) for row in self._buckets(*group)]
        cut = []
        for edge in {first, last}:
            for number, low, high in self._buckets(LEAF_LEVEL, edge, edge):
                if self._low <= low and high <= self._high:
                    whole.append(number)
                elif low <= self._high and self._low <= high:
                    cut.append(number)
        parts: list[Numbers] = [Ranked(self._session, whole), *map(self._cut_bucket, cut)]
        return Together(parts) if cut else parts[0]

    def _buckets(self, level: int, first: int, last: int) -> Sequence[Any]:
        return self._session.rows(
            "bucket_lists",
            organisation=self._organisation,
            kind=CONFIDENCE + level,
            first=bucket_bytes(first),
            last=bucket_bytes(last),
        )

    def _cut_bucket(self, number: int) -> Scanned:
        values = {"list": number, "low": self._low, "high": self._high}
        return Scanned(self._session, "bucket", values, self._start, self._stop)

    # ------------------------------------------------------------------ everything else

    def _scan(self, source: str, **values: Any) -> Scanned:
        wanted = self._criteria
        conditions = {
            "organisation": self._organisation,
            "model": self._model,
            "policy": self._policy,
            "intervened": None if wanted.has_intervention is None else int(wanted.has_intervention),
            "low": wanted.min_confidence,
            "high": wanted.max_confidence,
        }
        return Scanned(self._session, source, conditions | values, self._start, self._stop)

    def _scan_shortest(self) -> Scanned:
        """Read the shortest of the lists that hold every match, or all decisions when none is short."""
        shortest = min(self._bounding_lists(), key=lambda found: found[0], default=None)
        if shortest is None or shortest[0] * _WORTH_A_LIST > self._stop - self._start:
            return self._scan("decisions")
        return self._scan("listed", lists=shortest[1])

    def _bounding_lists(self) -> Iterator[tuple[int, Sequence[int]]]:
        """(decisions in the period, lists) for what the filter names."""
        listed = self._named_list()
        candidates = [] if self._model is None and self._policy is None else [[listed] if listed else []]
        if self._low <= self._high:
            groups = cover(bucket_of(self._low), bucket_of(self._high))
            candidates.append([row[0] for group in groups for row in self._buckets(*group)])
        for lists in candidates:
            ranked = Ranked(self._session, lists)
            yield ranked.before(self._stop) - ranked.before(self._start), lists
