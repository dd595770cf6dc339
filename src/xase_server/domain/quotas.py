"""What may be used at most, and whose use counts (docs/spec/policy.md, section 1).

Use is added up by account: a session's own, and two of the organisation that uses it, over all of its sessions
on one dataset and over all on any dataset of one holder.
"""

from typing import Final, NamedTuple

from msgspec import Struct

from xase.proof.entry import format_time
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRef, Usage
from xase_server.domain.sessions import session_ref
from xase_server.domain.times import format_duration

SESSION: Final = "session"
DATASET: Final = "dataset"
HOLDER: Final = "holder"


def dataset_account(organisation: str, dataset_id: str) -> str:
    """What an organisation uses of one dataset, whatever its versions."""
    return f"{dataset_id}/{organisation}"


def holder_account(organisation: str, holder: str) -> str:
    """What an organisation uses of all datasets of one holder; the length keeps the two names apart."""
    return f"{len(holder)}/{holder}/{organisation}"


class Allowance(Struct, frozen=True, gc=False):
    """What an account may have used at most; None sets no bound. `scope` says whose it is."""

    account: str
    records: int | None = None
    bytes: int | None = None
    queries: int | None = None
    scope: str = SESSION

    def covers(self, used: Usage) -> bool:
        """Whether so much is within it."""
        pairs = ((self.records, used.records), (self.bytes, used.bytes), (self.queries, used.queries))
        return all(most is None or amount <= most for most, amount in pairs)

    @property
    def ref(self) -> ObjectRef:
        """What it is named by where it was overtaken."""
        return _ref(self.account, self.scope)


class Counted(NamedTuple):
    """How many requests of an account fell into one of its periods, which are numbered from 1970 on."""

    period: int
    requests: int


NONE_COUNTED: Final = Counted(0, 0)


class Rate(Struct, frozen=True, gc=False):
    """How many requests of an account there may be in a period. `scope` says whose it is."""

    account: str
    limit: int
    period_ms: int
    scope: str = SESSION

    @property
    def key(self) -> tuple[str, int]:
        """What its requests are counted under."""
        return self.account, self.period_ms

    def now(self, counted: Counted, now_ms: int) -> Counted:
        """What is counted in the period at hand: that of the clock, or a later one that another clock has begun."""
        period = now_ms // self.period_ms
        return counted if counted.period >= period else Counted(period, 0)

    def resets_ms(self, counted: Counted) -> int:
        """When that period is over."""
        return (counted.period + 1) * self.period_ms

    @property
    def ref(self) -> ObjectRef:
        """What it is named by where it was overtaken."""
        return _ref(self.account, self.scope)


class TooFast(Refused):
    """The refusal of one request more than `limit` in a period that ends at `reset_ms`.

    `scope` says whose rate it is: a key's, or one of those above.
    """

    def __init__(self, scope: str, limit: int, period_ms: int, *, reset_ms: int, now_ms: int) -> None:
        details = {"limit": limit, "period": format_duration(period_ms), "reset_at": format_time(reset_ms)}
        wait = min(max(1, -(-(reset_ms - now_ms) // 1000)), -(-period_ms // 1000))
        super().__init__("rate_limit_exceeded", "Rate limit exceeded", details, retry_after=wait)
        self.scope = scope
        self.limit = limit
        self.period_ms = period_ms
        self.reset_ms = reset_ms


def used_up(quota: str, limit: int, used: int, scope: str = SESSION) -> Refused:
    """The refusal of more than the contract leaves; no quota fills up by itself."""
    left = max(0, limit - used)
    details = {"quota": quota, "limit": limit, "used": used, "left": left, "scope": scope, "resets_at": None}
    whose = "session" if scope == SESSION else "organisation"
    message = (
        f"This is more than the policy leaves the {whose}"
        if left
        else f"The {whose} has used up what the policy allows"
    )
    return Refused("quota_exceeded", message, details)


def _ref(account: str, scope: str) -> ObjectRef:
    return session_ref(account) if scope == SESSION else ObjectRef("usage", account)
