"""What one query may spend in the reference evaluator, where a few words can ask for endless work or endless values."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value

Clock = Callable[[], float]

_DEEPEST: Final = 100
# So many characters of a text weigh as much as one element of a list.
_CHARACTERS: Final = 16


class Allowance:
    """Time, and parts of the values that are made; each method raises `EvaluationError` when that is used up."""

    def __init__(self, seconds: float, parts: float, clock: Clock) -> None:
        self._seconds, self._end, self._clock = seconds, clock() + seconds, clock
        self._most, self._left = parts, parts

    def step(self) -> None:
        """Another row, or another element."""
        if self._clock() > self._end:
            raise EvaluationError(f"A query runs at most {self._seconds:g} seconds")

    def made(self, value: Value) -> Value:
        """The value, after its parts are paid for: a part that is there many times, each time."""
        if self._left < math.inf and isinstance(value, str | list | Mapping):
            self.spend(_parts(value, {}, 0))
        return value

    def spend(self, parts: int) -> None:
        """So many parts."""
        self._left -= parts
        if self._left < 0:
            raise EvaluationError(f"A query makes values of at most {self._most} parts")


def _parts(value: Value, known: dict[int, int], depth: int) -> int:
    if isinstance(value, str):
        return len(value) // _CHARACTERS
    if not isinstance(value, list | Mapping):
        return 0
    found = known.get(id(value))
    if found is None:
        if depth > _DEEPEST:
            raise EvaluationError(f"A value is at most {_DEEPEST} levels deep")
        inside = value.values() if isinstance(value, Mapping) else value
        found = known[id(value)] = len(value) + sum(_parts(each, known, depth + 1) for each in inside)
    return found


ENDLESS: Final = Allowance(math.inf, math.inf, lambda: 0.0)
