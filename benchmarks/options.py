"""What a run of the benchmarks is asked to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`quick` only shows that everything runs; `records` is the size of the store for lists and proofs."""

    quick: bool = False
    records: int = 1_000_000
    rounds: int = 5
