"""What one organisation may use over all of its sessions (docs/spec/policy.md, section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xase_server.domain.quotas import DATASET, HOLDER
from xase_server.domain.times import parse_duration
from xase_server.policy.model import Limits as Written
from xase_server.policy.model import RateLimit

LONGEST_MS = 100 * 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is used together; None sets none. `rate_limits` are (requests, period in milliseconds)."""

    rate_limits: tuple[tuple[int, int], ...] = ()
    max_records: int | None = None
    max_queries: int | None = None
    max_bytes: int | None = None
    max_concurrent: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The bounds as JSON."""
        return {
            "rate_limits": [list(each) for each in self.rate_limits],
            "max_records": self.max_records,
            "max_queries": self.max_queries,
            "max_bytes": self.max_bytes,
            "max_concurrent": self.max_concurrent,
        }

    def met(self, other: "Limits") -> "Limits":
        """The bounds that keep to both."""
        return Limits(
            tuple(sorted({*self.rate_limits, *other.rate_limits})),
            least(self.max_records, other.max_records),
            least(self.max_queries, other.max_queries),
            least(self.max_bytes, other.max_bytes),
            least(self.max_concurrent, other.max_concurrent),
        )


@dataclass(frozen=True, slots=True)
class PerOrganisation:
    """The bounds on an organisation's sessions on one dataset, and on those on all datasets of its holder."""

    dataset: Limits = Limits()
    holder: Limits = Limits()

    def to_dict(self) -> dict[str, Any]:
        """Both as JSON."""
        return {DATASET: self.dataset.to_dict(), HOLDER: self.holder.to_dict()}

    def met(self, other: "PerOrganisation") -> "PerOrganisation":
        """The bounds that keep to both."""
        return PerOrganisation(self.dataset.met(other.dataset), self.holder.met(other.holder))


def both(one: PerOrganisation | None, other: PerOrganisation | None) -> PerOrganisation | None:
    """What keeps to both; None where neither bounds anything."""
    if one is None or other is None:
        return other if one is None else one
    return one.met(other)


def limits_of(written: Written | None, scope: str) -> PerOrganisation | None:
    """A rule's bounds: on its dataset or, of a guardrail, on all of the holder's."""
    if written is None:
        return None
    limits = Limits(
        rates_of(written.rate_limit),
        written.max_records,
        written.max_queries,
        written.max_bytes,
        written.max_concurrent,
    )
    return PerOrganisation(**{scope: limits})


def rates_of(rate: RateLimit | None) -> tuple[tuple[int, int], ...]:
    """A rule's rate as terms."""
    return () if rate is None else ((rate.limit, parse_duration(rate.period, "period", maximum_ms=LONGEST_MS)),)


def strictest(rates: tuple[tuple[int, int], ...]) -> Mapping[int, int]:
    """Period → the fewest requests that any of these rates allows in it."""
    return {period_ms: limit for limit, period_ms in sorted(rates, reverse=True)}


def least(one: int | None, other: int | None) -> int | None:
    """The smaller of two bounds."""
    return min((each for each in (one, other) if each is not None), default=None)
