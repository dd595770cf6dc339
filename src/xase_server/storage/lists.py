"""Lists of decisions: an exact total and any page, at a cost that does not grow with the list or the depth.

An organisation's decisions are numbered in order of time. A filter is a set of such numbers that can
say how many of its members are `before` a number, and give those `between` two numbers. Totals, dates,
offsets and cursors then all become ranks: a page is the members of some consecutive ranks, found by
narrowing a window of numbers around them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.storage.numbers import Numbers
from xase_server.storage.planning import plan
from xase_server.storage.session import Session

_SLACK: Final = 256
"""How many members more than asked for are read, rather than narrowing the window further."""


class Found(NamedTuple):
    """The numbers on a page, how many match in all, and the number to continue after (None at the end)."""

    numbers: Sequence[int]
    total: int
    next_after: int | None


class _Edge(NamedTuple):
    """A number, and how many members are before it."""

    number: int
    rank: int


def list_numbers(session: Session, organisation: str, criteria: DecisionFilter, page: Page) -> Found:
    """The page of decisions that match; newest first unless the page says otherwise."""
    owner = session.rows("organisation_number", organisation=organisation)
    count = session.rows("count_decisions", organisation=owner[0][0]) if owner else ()
    if not count:
        return Found((), 0, None)
    start, stop = _dates(session, owner[0][0], criteria, count[0][0])
    numbers = plan(session, owner[0][0], criteria, start, stop)
    low, high = _Edge(start, numbers.before(start)), _Edge(stop, numbers.before(stop))
    first, last = _ranks(numbers, page, low, high)
    found = _members(numbers, first, last, low, high)
    more = first > low.rank if page.descending else last < high.rank
    if page.descending:
        found.reverse()
    return Found(found, high.rank - low.rank, found[-1] if found and more else None)


def _dates(session: Session, organisation: int, criteria: DecisionFilter, count: int) -> tuple[int, int]:
    """The numbers of the decisions in the period: their times never fall."""

    def first_from(time_ms: int | None, otherwise: int) -> int:
        if time_ms is None:
            return otherwise
        rows = session.rows("first_number_from", organisation=organisation, time_ms=time_ms)
        return int(rows[0][0]) if rows else count

    start = first_from(criteria.since_ms, 0)
    return start, max(start, first_from(criteria.until_ms, count))


def _ranks(numbers: Numbers, page: Page, low: _Edge, high: _Edge) -> tuple[int, int]:
    """The ranks of the page's members: from the first to before the last, in ascending order."""
    if page.descending:
        end = high.rank if page.after is None else numbers.before(min(max(page.after, low.number), high.number))
        last = max(end - page.offset, low.rank)
        return max(last - page.limit, low.rank), last
    begin = low.rank if page.after is None else numbers.before(min(max(page.after + 1, low.number), high.number))
    first = min(begin + page.offset, high.rank)
    return first, min(first + page.limit, high.rank)


def _members(numbers: Numbers, first: int, last: int, low: _Edge, high: _Edge) -> list[int]:
    """The members of ranks `first` to `last` − 1, all of which lie between the edges."""
    if first >= last:
        return []
    low, _ = _narrow(numbers, first, low, high, side=-1)
    _, high = _narrow(numbers, last, low, high, side=1)
    return numbers.between(low.number, high.number)[first - low.rank : last - low.rank]


def _narrow(numbers: Numbers, rank: int, low: _Edge, high: _Edge, *, side: int) -> tuple[_Edge, _Edge]:
    """Edges around where `rank` members are before, the one on `side` (−1 low, 1 high) within the slack.

    Interpolates, because lists are mostly spread evenly; every third step halves, because some are not.
    """
    steps = 0
    while (high.rank - rank if side > 0 else rank - low.rank) > _SLACK and high.number - low.number > 1:
        steps += 1
        share = (rank + side * _SLACK // 2 - low.rank) / (high.rank - low.rank) if steps % 3 else 0.5
        number = low.number + int((high.number - low.number) * share)
        probe = min(max(number, low.number + 1), high.number - 1)
        edge = _Edge(probe, numbers.before(probe))
        low, high = (edge, high) if edge.rank <= rank else (low, edge)
    return low, high
