"""Which step each field is taken to: the least loss of all choices that hold, found without looking at most of them.

What holds for one choice holds for every choice that takes no field less far, and what fails fails for all that
take none further. So whole regions are settled by one look (Kohlmayer et al., Flash, 2012). Among the choices that
hold those are looked at in the order of what they lose at least, until none that is left can lose less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from xase_server.datasets.anonymity.classes import Profiles, classes
from xase_server.datasets.anonymity.levels import Level

Choice = tuple[int, ...]

_UNKNOWN, _FAILS, _HOLDS = 0, 1, 2
_MOST_CHOICES: Final = 50_000


@dataclass(frozen=True, slots=True)
class Look:
    """One choice: the class of each profile, which classes have what they need, and what is lost.

    `loss` is from 0, nothing, to 1, everything; a suppressed record is lost wholly.
    """

    choice: Choice
    joined: Any
    good: Any
    suppressed: int
    loss: float


def fitted(steps: Sequence[tuple[Level, ...]]) -> list[tuple[Level, ...]]:
    """The steps, or so many of them that all choices can be kept: of the field with most, every second goes."""
    kept = list(steps)
    while np.prod([len(each) for each in kept], dtype=float) > _MOST_CHOICES:
        most = max(range(len(kept)), key=lambda field: len(kept[field]))
        if len(kept[most]) <= 2:  # noqa: PLR2004 -- as it is, and nothing of it
            break
        first, *middle, last = kept[most]
        kept[most] = (first, *middle[1::2], last)
    return kept


def search(profiles: Profiles, steps: Sequence[tuple[Level, ...]], most_suppressed: int) -> Look | None:
    """The choice that loses least with at most so many records suppressed; None when there is none that holds."""
    return _Search(profiles, steps, most_suppressed).best()


class _Search:
    def __init__(self, profiles: Profiles, steps: Sequence[tuple[Level, ...]], most_suppressed: int) -> None:
        self._profiles = profiles
        self._steps = steps
        self._most_suppressed = most_suppressed
        self._records = int(profiles.records.sum())
        self._shape = tuple(len(each) for each in steps)
        self._known = np.full(self._shape, _UNKNOWN, np.int8)
        self._seen: set[Choice] = set()
        self._best: Look | None = None
        self._bounds = self._least_losses()
        self._order = [
            tuple(int(step) for step in np.unravel_index(place, self._shape))
            for place in np.argsort(self._bounds, axis=None, kind="stable")
        ]

    def best(self) -> Look | None:
        """Go through the choices by what they lose at least, until none that is left can lose less."""
        for choice in self._order:
            if self._best is not None and self._bounds[choice] >= self._best.loss:
                break
            if self._known[choice] == _UNKNOWN:
                self._settle(self._way_up(choice))
            if self._known[choice] == _HOLDS and choice not in self._seen:
                self._look(choice)
        return self._best

    def _settle(self, path: list[Choice]) -> None:
        """Find out of every choice on a way up whether it holds: from one of them on all do."""
        low, high = 0, len(path)
        while low < high:
            middle = (low + high) // 2
            if self._holds(path[middle]):
                high = middle
            else:
                low = middle + 1

    def _way_up(self, choice: Choice) -> list[Choice]:
        path = [choice]
        while True:
            above = [each for each in self._above(path[-1]) if self._known[each] == _UNKNOWN]
            if not above:
                return path
            path.append(min(above, key=lambda each: (self._bounds[each], each)))

    def _above(self, choice: Choice) -> list[Choice]:
        return [
            (*choice[:field], step + 1, *choice[field + 1 :])
            for field, step in enumerate(choice)
            if step + 1 < self._shape[field]
        ]

    def _holds(self, choice: Choice) -> bool:
        holds = self._look(choice).suppressed <= self._most_suppressed
        if holds:
            self._known[tuple(slice(step, None) for step in choice)] = _HOLDS
        else:
            self._known[tuple(slice(None, step + 1) for step in choice)] = _FAILS
        return holds

    def _look(self, choice: Choice) -> Look:
        chosen = [levels[step] for levels, step in zip(self._steps, choice, strict=True)]
        groups = [level.groups[codes] for level, codes in zip(chosen, self._profiles.codes, strict=True)]
        joined, count = classes(groups, [level.count for level in chosen])
        good = self._profiles.good(joined, count)
        kept = self._profiles.records * good[joined]
        suppressed = self._records - int(kept.sum())
        lost = sum(float(kept @ level.loss[codes]) for level, codes in zip(chosen, self._profiles.codes, strict=True))
        look = Look(choice, joined, good, suppressed, (lost / len(chosen) + suppressed) / self._records)
        self._seen.add(choice)
        if suppressed <= self._most_suppressed and (self._best is None or look.loss < self._best.loss):
            self._best = look
        return look

    def _least_losses(self) -> Any:
        """What each choice loses even when nothing is suppressed."""
        bounds = np.zeros(self._shape)
        for field, (levels, codes) in enumerate(zip(self._steps, self._profiles.codes, strict=True)):
            lost = np.array([float(self._profiles.records @ level.loss[codes]) for level in levels])
            bounds += lost.reshape([-1 if each == field else 1 for each in range(len(self._steps))])
        return bounds / (len(self._steps) * self._records)
