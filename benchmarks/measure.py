"""How the benchmarks measure and what they print."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: a measured value and, where the issue names one, the bound it must keep."""

    name: str
    value: float
    unit: str
    bound: str = ""
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the bound (`>= 0.75`, `<= 25`) holds; None without one."""
        if not self.bound:
            return None
        sign, limit = self.bound.split()
        return self.value >= float(limit) if sign == ">=" else self.value <= float(limit)


def interleaved(rounds: int, runs: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Every run once per round, in turn, so that what disturbs the machine disturbs all alike."""
    values: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            gc.collect()
            values[name].append(run())
    return values


def median_ratio(values: Mapping[str, list[float]], name: str, baseline: str) -> float:
    """The median over rounds of this run's value by the baseline's of the same round."""
    return statistics.median(a / b for a, b in zip(values[name], values[baseline], strict=True))


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def number_text(value: float) -> str:
    """A number as people read it: 41,200 · 0.84 · 3.1."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
