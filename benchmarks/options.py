"""What a run of the benchmarks is asked to do."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`quick` only shows that everything runs; `records` is the size of the large store, kept in `store` if given."""

    quick: bool = False
    records: int = 1_000_000
    rounds: int = 5
    store: Path | None = None
