"""What the terms of a session bound, and how much of that has been used (docs/spec/policy.md, section 1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from xase_server.domain.objects import Usage
from xase_server.domain.quotas import (
    DATASET,
    HOLDER,
    NONE_COUNTED,
    SESSION,
    Allowance,
    Counted,
    Rate,
    dataset_account,
    holder_account,
    used_up,
)
from xase_server.policy.contract import Contract
from xase_server.policy.limits import Limits, PerOrganisation, strictest
from xase_server.ports import Reads
from xase_server.services.pace import Room, refuse_too_fast

_NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where the use of a session counts: its own, its organisation's of the dataset and of all its holder's."""

    session: str
    dataset: str
    holder: str

    @property
    def shared(self) -> tuple[str, str]:
        """Those that other sessions count in as well."""
        return self.dataset, self.holder


def accounts_of(session_id: str, organisation: str, dataset_id: str, holder: str) -> Accounts:
    """The accounts of a session of an organisation on a holder's dataset."""
    return Accounts(session_id, dataset_account(organisation, dataset_id), holder_account(organisation, holder))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is bounded: amounts, requests in a period, and requests at a time."""

    allowances: tuple[Allowance, ...]
    rates: tuple[Rate, ...]
    rooms: tuple[Room, ...]

    def used(self, reads: Reads) -> "Quotas":
        """The bounds with what has been used of them."""
        names, keys = [each.account for each in self.allowances], [rate.key for rate in self.rates]
        return Quotas(self, reads.usage(names) if names else {}, reads.counted(keys) if keys else {})


@dataclass(frozen=True, slots=True)
class Quotas:
    """Bounds, and what had been used of them in one view of the store."""

    bounds: Bounds
    used: Mapping[str, Usage]
    counted: Mapping[tuple[str, int], Counted]

    def refuse_used_up(self) -> None:
        """Raise `quota_exceeded` when nothing is left of an allowance."""
        for allowance in self.bounds.allowances:
            for quota, limit, used in _amounts(allowance, self._used_of(allowance)):
                if used >= limit:
                    raise used_up(quota, limit, used, allowance.scope)

    def refuse_beyond(self, *, records: int, bytes: int) -> None:
        """Raise `quota_exceeded` when one query more for this much would go beyond an allowance."""
        for allowance in self.bounds.allowances:
            used = self._used_of(allowance)
            after = used.plus(records=records, bytes=bytes, queries=1)
            for (quota, limit, before), (_, _, then) in zip(
                _amounts(allowance, used), _amounts(allowance, after), strict=True
            ):
                if then > limit:
                    raise used_up(quota, limit, before, allowance.scope)

    def refuse_too_fast(self, now_ms: int) -> None:
        """Raise `rate_limit_exceeded` when all servers together have released to as many requests as may be."""
        for rate in self.bounds.rates:
            refuse_too_fast(rate, rate.now(self.counted.get(rate.key, NONE_COUNTED), now_ms), now_ms)

    def _used_of(self, allowance: Allowance) -> Usage:
        return self.used.get(allowance.account, _NOTHING_USED)


def bounds_of(contract: Contract, accounts: Accounts) -> Bounds:
    """What a contract bounds of these accounts."""
    shared = contract.per_organisation or PerOrganisation()
    own = Limits(
        contract.rate_limits, contract.max_records, contract.max_queries, contract.max_bytes, contract.max_concurrent
    )
    places = (
        (own, accounts.session, SESSION),
        (shared.dataset, accounts.dataset, DATASET),
        (shared.holder, accounts.holder, HOLDER),
    )
    return Bounds(
        tuple(
            Allowance(account, limits.max_records, limits.max_bytes, limits.max_queries, scope)
            for limits, account, scope in places
            if (limits.max_records, limits.max_bytes, limits.max_queries) != (None, None, None)
        ),
        tuple(
            Rate(account, limit, period_ms, scope)
            for limits, account, scope in places
            for period_ms, limit in strictest(limits.rate_limits).items()
        ),
        tuple(
            Room(account, limits.max_concurrent, scope)
            for limits, account, scope in places
            if limits.max_concurrent is not None
        ),
    )


def _amounts(allowance: Allowance, used: Usage) -> Iterator[tuple[str, int, int]]:
    """What is bounded: its name, its limit, and how much of it has been used."""
    for quota, limit, amount in (
        ("max_records", allowance.records, used.records),
        ("max_queries", allowance.queries, used.queries),
        ("max_bytes", allowance.bytes, used.bytes),
    ):
        if limit is not None:
            yield quota, limit, amount
