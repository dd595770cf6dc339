"""Where a training run stands in its order: which reader takes which positions, and how a run goes on.

The server orders the data records by `seed` and `epoch`; readers share the positions of that order: of
`readers` many, reader r takes start + r, start + r + readers, and so on. What a reader has taken is one
number, so that the whole run is `start` and one number for each reader. Pure.

Source: docs/spec/api.md, section 6.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Share:
    """What one reader asks the server for: every `readers`-th position from `position` + `reader` on."""

    seed: int
    epoch: int
    position: int
    reader: int
    readers: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one epoch. `taken` counts what each reader has handed out since `start`, as far as it is known.

    `early` are positions behind `start` that were handed out before it began, by readers that were
    ahead of others: they do not come again.
    """

    seed: int = 0
    epoch: int = 0
    start: int = 0
    readers: int = 1
    taken: Mapping[int, int] = field(default_factory=dict)
    early: frozenset[int] = frozenset()

    def share(self, reader: int) -> Share:
        """What this reader has still to get."""
        position = self.start + self.readers * self.taken.get(reader, 0)
        return Share(self.seed, self.epoch, position, reader, self.readers)

    def place(self, reader: int) -> int:
        """The position of the next data record of this reader."""
        return self.start + reader + self.readers * self.taken.get(reader, 0)

    def known(self, reader: int) -> "Run":
        """The run with a count for this reader, be it none."""
        return replace(self, taken={reader: 0, **self.taken})

    def after(self, reader: int) -> "Run":
        """The run after one more data record of this reader."""
        return replace(self, taken={**self.taken, reader: self.taken.get(reader, 0) + 1})

    def shared_by(self, readers: int) -> "Run":
        """The same run, gone on with by so many readers. Raises ValueError when not every reader's state is known."""
        if readers == self.readers:
            return self
        if not self.taken:
            return replace(self, readers=readers)
        unknown = [reader for reader in range(self.readers) if reader not in self.taken]
        if unknown:
            raise ValueError(f"the run had {self.readers} readers: merge the states of all, {unknown[0]} is missing")
        least = min(self.taken.values())
        start = self.start + self.readers * least
        ahead = (
            self.start + reader + self.readers * n for reader, count in self.taken.items() for n in range(least, count)
        )
        early = frozenset(each for each in (*self.early, *ahead) if each >= start)
        return Run(self.seed, self.epoch, start, readers, early=early)

    def to_state(self) -> dict[str, Any]:
        """The run as plain data, for a checkpoint."""
        return {
            "version": VERSION,
            "seed": self.seed,
            "epoch": self.epoch,
            "start": self.start,
            "readers": self.readers,
            "taken": {str(reader): count for reader, count in sorted(self.taken.items())},
            "early": sorted(self.early),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Run":
        """The run that `to_state` wrote. Raises ValueError for anything else."""
        if state.get("version") != VERSION:
            raise ValueError("this is no state of a dataset, or that of another version")
        taken = {int(reader): int(count) for reader, count in state["taken"].items()}
        early = frozenset(state["early"])
        return cls(state["seed"], state["epoch"], state["start"], state["readers"], taken, early)


def merged(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One state of those of all ranks and workers of a run. Raises ValueError when they are of different runs."""
    runs = [Run.from_state(state) for state in states]
    if not runs or len({(run.seed, run.epoch, run.start, run.readers, run.early) for run in runs}) > 1:
        raise ValueError("states are merged when they are of one run, and there is at least one")
    taken: dict[int, int] = {}
    for run in runs:
        for reader, count in run.taken.items():
            taken[reader] = max(count, taken.get(reader, 0))
    return replace(runs[0], taken=taken).to_state()
