"""Sets of decision numbers that know how many of their members lie before a number."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from itertools import accumulate
from typing import Any, Final, Protocol

from xase_server.storage.projection import BLOCK_BITS, BLOCK_LEVELS
from xase_server.storage.session import Session

_KIND_BITS: Final = 32
_SCAN_BITS: Final = 12
_WIDEST_SCAN: Final = 1 << _SCAN_BITS


class Numbers(Protocol):
    """A set of decision numbers."""

    def before(self, number: int) -> int:
        """How many members are smaller than `number`."""
        ...

    def between(self, start: int, stop: int) -> list[int]:
        """The members from `start` to before `stop`, ascending."""
        ...


class Every:
    """All decisions: they are numbered without gaps."""

    def before(self, number: int) -> int:
        """The number itself."""
        return number

    def between(self, start: int, stop: int) -> list[int]:
        """All numbers."""
        return list(range(start, stop))


class Listed:
    """Some numbers, held in memory: those that are in no list yet."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers

    def before(self, number: int) -> int:
        """Their place in the order."""
        return bisect_left(self._numbers, number)

    def between(self, start: int, stop: int) -> list[int]:
        """Those there."""
        return list(self._numbers[self.before(start) : self.before(stop)])


def pack_list(kind: int, value: int) -> int:
    """A list as one number, as the statements take it."""
    return kind << _KIND_BITS | value


class Ranked:
    """The members, smaller than `stop`, of disjoint lists, counted by the rank that each posting carries.

    A list is a pair of kind and value. Counting costs one seek for each.
    """

    def __init__(self, session: Session, organisation: int, lists: Iterable[tuple[int, int]], stop: int) -> None:
        self._session = session
        self._organisation = organisation
        self._lists = [pack_list(*each) for each in lists]
        self._stop = stop

    def before(self, number: int) -> int:
        """The sum of the lists' ranks there."""
        number = min(number, self._stop)
        if number <= 0 or not self._lists:
            return 0
        values = {"organisation": self._organisation, "lists": self._lists, "number": number}
        return int(self._session.rows("ranks_before", **values)[0][0])

    def between(self, start: int, stop: int) -> list[int]:
        """The postings there."""
        stop = min(stop, self._stop)
        if start >= stop or not self._lists:
            return []
        values = {"organisation": self._organisation, "lists": self._lists, "start": start, "stop": stop}
        return [number for (number,) in self._session.rows("postings_between", **values)]


class Intervened:
    """The decisions under some labels that have an intervention, counted by blocks of 64, 64², 64³ and 64⁴ numbers."""

    def __init__(self, session: Session, organisation: int, labels: Sequence[int]) -> None:
        self._session = session
        self._values = {"organisation": organisation, "labels": list(labels)}

    def before(self, number: int) -> int:
        """At each level at most 63 blocks, those that the next level does not hold whole."""
        bounds = {}
        for level in range(BLOCK_LEVELS):
            upto = number >> BLOCK_BITS * level
            is_top = level == BLOCK_LEVELS - 1
            bounds[f"upto{level}"] = upto
            bounds[f"from{level}"] = 0 if is_top else upto >> BLOCK_BITS << BLOCK_BITS
        return int(self._session.rows("intervened_before", **self._values, **bounds)[0][0])

    def between(self, start: int, stop: int) -> list[int]:
        """The lowest level's blocks are the numbers themselves."""
        rows = self._session.rows("intervened_between", start=start, stop=stop, **self._values)
        return [number for (number,) in rows]


class Without:
    """The members of one set that are not in another, which must lie inside it."""

    def __init__(self, whole: Numbers, removed: Numbers) -> None:
        self._whole = whole
        self._removed = removed

    def before(self, number: int) -> int:
        """The difference."""
        return self._whole.before(number) - self._removed.before(number)

    def between(self, start: int, stop: int) -> list[int]:
        """What is left; long stretches where nothing is left are passed over by counting."""
        whole = self._whole.before(stop) - self._whole.before(start)
        if whole == self._removed.before(stop) - self._removed.before(start):
            return []
        if whole <= _WIDEST_SCAN:
            removed = set(self._removed.between(start, stop))
            return [number for number in self._whole.between(start, stop) if number not in removed]
        middle = (start + stop) // 2
        return self.between(start, middle) + self.between(middle, stop)


class Scanned:
    """Rows counted by reading them all once, kept as counts of blocks of 4,096 numbers.

    `source` names the statements; only rows numbered from `start` to before `stop` are members.
    """

    def __init__(self, session: Session, source: str, values: Mapping[str, Any], start: int, stop: int) -> None:
        self._session = session
        self._source = source
        self._values = values
        self._start = start
        self._stop = stop
        found = session.rows(f"{source}_blocks", start=start, stop=stop, bits=_SCAN_BITS, **values)
        self._blocks = [block for block, _ in found]
        self._before: list[int] = list(accumulate((count for _, count in found), initial=0))

    def before(self, number: int) -> int:
        """The blocks before, and the rows of the block that the number cuts."""
        block = number >> _SCAN_BITS
        at = bisect_left(self._blocks, block)
        cut = block << _SCAN_BITS
        is_cut = at < len(self._blocks) and self._blocks[at] == block and cut < number
        return self._before[at] + (len(self.between(cut, number)) if is_cut else 0)

    def between(self, start: int, stop: int) -> list[int]:
        """The rows there."""
        start, stop = max(start, self._start), min(stop, self._stop)
        rows = self._session.rows(f"{self._source}_between", start=start, stop=stop, **self._values)
        return [number for (number,) in rows]


class Together:
    """The members of sets that have none in common."""

    def __init__(self, parts: Sequence[Numbers]) -> None:
        self._parts = parts

    def before(self, number: int) -> int:
        """The sum."""
        return sum(part.before(number) for part in self._parts)

    def between(self, start: int, stop: int) -> list[int]:
        """The parts merged."""
        return list(merge(*(part.between(start, stop) for part in self._parts)))
