"""From a filter to the set of numbers that answers it fastest.

Model, policy, period and has_intervention in any combination, and confidence alone, are counted by
ranks and blocks. Other combinations read the shortest list that bounds them, once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from xase_server.domain.decisions import DecisionFilter
from xase_server.storage.confidence import bucket_of, cover
from xase_server.storage.merging import CONFIDENCE, KINDS, LABEL, LEAF_KIND
from xase_server.storage.names import name_bytes
from xase_server.storage.numbers import (
    Every,
    Intervened,
    Listed,
    Numbers,
    Ranked,
    Scanned,
    Together,
    Without,
    pack_list,
)
from xase_server.storage.projection import EVERY_LABEL
from xase_server.storage.session import Session

_WORTH_A_LIST: Final = 8
"""A list is read rather than all decisions when it holds less than one in this many."""

Lists = Sequence[tuple[int, int]]
"""Kind and value of each."""

NOTHING: Final = Listed(())


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
        self._labels = self._matching_labels()
        self._low = max(criteria.min_confidence or 0.0, 0.0)
        self._high = min(1.0 if criteria.max_confidence is None else criteria.max_confidence, 1.0)

    def plan(self) -> Numbers:
        wanted = self._criteria
        by_confidence = wanted.min_confidence is not None or wanted.max_confidence is not None
        if self._labels == [] or self._low > self._high:
            return NOTHING
        if wanted.transaction_id is not None:
            name = {"transaction": name_bytes(wanted.transaction_id)}
            return self._scanned("transaction", self._stop, self._conditions() | name)
        if not by_confidence:
            return self._by_intervention()
        if self._labels is not None or wanted.has_intervention is not None:
            return self._scan_shortest()
        return self._by_confidence()

    def _matching_labels(self) -> list[int] | None:
        """The labels with the model and policy asked for; None when any will do."""
        model_id, policy_id = self._criteria.model_id, self._criteria.policy_id
        if model_id is None and policy_id is None:
            return None
        names = {
            "model": None if model_id is None else name_bytes(model_id),
            "policy": None if policy_id is None else name_bytes(policy_id),
        }
        rows = self._session.rows("labels_of", organisation=self._organisation, **names)
        return [number for (number,) in rows]

    def _by_intervention(self) -> Numbers:
        wanted, labels = self._criteria.has_intervention, self._labels
        whole = Every() if labels is None else self._lists([(LABEL, label) for label in labels])
        if wanted is None:
            return whole
        intervened = Intervened(self._session, self._organisation, [EVERY_LABEL] if labels is None else labels)
        return intervened if wanted else Without(whole, intervened)

    # ------------------------------------------------------------------ lists, and what they do not hold yet

    def _merged(self, lists: Lists) -> int:
        """Up to which number all these lists are complete."""
        rows = self._session.rows("merged_kinds", organisation=self._organisation)
        reached = dict.fromkeys(KINDS, 0) | {row[0]: row[1] for row in rows}
        return min((reached[kind] for kind, _ in lists), default=0)

    def _newest(self, merged: int, conditions: Mapping[str, Any]) -> Listed:
        """What matches among the decisions that are in no list yet."""
        start = max(merged, self._start)
        rows = self._session.rows("decisions_between", start=start, stop=self._stop, **conditions)
        return Listed([number for (number,) in rows])

    def _lists(self, lists: Lists, cut: Sequence[int] = ()) -> Numbers:
        """The members of disjoint lists, and of buckets of which only some match."""
        merged = self._merged([*lists, *((LEAF_KIND, bucket) for bucket in cut)])
        parts: list[Numbers] = [Ranked(self._session, self._organisation, lists, merged)]
        parts += [self._cut_bucket(bucket, min(merged, self._stop)) for bucket in cut]
        return Together([*parts, self._newest(merged, self._conditions() | {"intervened": None})])

    def _by_confidence(self) -> Numbers:
        first, last = bucket_of(self._low), bucket_of(self._high)
        whole = list(_lists_over(first + 1, last - 1))
        cut = []
        for edge in {first, last}:
            bounds = self._session.rows("bucket_bounds", organisation=self._organisation, bucket=edge)
            for low, high in bounds:
                if self._low <= low and high <= self._high:
                    whole.append((LEAF_KIND, edge))
                elif low <= self._high and self._low <= high:
                    cut.append(edge)
        return self._lists(whole, cut)

    def _cut_bucket(self, bucket: int, stop: int) -> Scanned:
        values = {"organisation": self._organisation, "kind": LEAF_KIND, "bucket": bucket}
        return self._scanned("bucket", stop, values | {"low": self._low, "high": self._high})

    # ------------------------------------------------------------------ everything else

    def _conditions(self) -> dict[str, Any]:
        wanted = self._criteria
        return {
            "organisation": self._organisation,
            "any_label": int(self._labels is None),
            "labels": self._labels or [],
            "intervened": None if wanted.has_intervention is None else int(wanted.has_intervention),
            "low": wanted.min_confidence,
            "high": wanted.max_confidence,
        }

    def _scanned(self, source: str, stop: int, values: Mapping[str, Any]) -> Scanned:
        return Scanned(self._session, source, values, self._start, stop)

    def _scan_shortest(self) -> Numbers:
        """Read the shortest of the lists that hold every match, or all decisions when none is short."""
        members, merged, lists = min(self._bounding_lists())
        if members * _WORTH_A_LIST > self._stop - self._start:
            return self._scanned("decisions", self._stop, self._conditions())
        packed = {"lists": [pack_list(*each) for each in lists]}
        listed = self._scanned("listed", min(merged, self._stop), self._conditions() | packed)
        return Together([listed, self._newest(merged, self._conditions())])

    def _bounding_lists(self) -> Iterator[tuple[int, int, Lists]]:
        """(decisions in the period, up to which number they are complete, lists) for what the filter names."""
        candidates: list[Lists] = [list(_lists_over(bucket_of(self._low), bucket_of(self._high)))]
        if self._labels is not None:
            candidates.append([(LABEL, label) for label in self._labels])
        for lists in candidates:
            merged = self._merged(lists)
            ranked = Ranked(self._session, self._organisation, lists, merged)
            yield ranked.before(self._stop) - ranked.before(self._start), merged, lists


def _lists_over(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The lists that together hold exactly the buckets `first` to `last`."""
    for level, low, high in cover(first, last):
        yield from ((CONFIDENCE + level, group) for group in range(low, high + 1))
