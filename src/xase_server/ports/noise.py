"""What makes answers differentially private."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol


class Noise(Protocol):
    """Adds noise to whole numbers, drawn anew each time from a source that nobody can predict."""

    def added(self, sums: Sequence[int], *, sensitivity: int, epsilon: Fraction) -> list[int]:
        """The sums with noise, so that they cost at most `epsilon` together.

        `sensitivity` is how far one person can move them: the sum of all their changes. Blocks; used from
        several threads at once.
        """
        ...
