"""Record numbers."""

import numpy as np

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
"""The places of data records in a dataset version, from 0."""


def run_of(numbers: Numbers) -> range | None:
    """The numbers as a range, where each is the one before and one; None where they are anything else."""
    if not len(numbers):
        return range(0)
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 == len(numbers) and bool((numbers[1:] > numbers[:-1]).all()):
        return range(first, last + 1)
    return None
