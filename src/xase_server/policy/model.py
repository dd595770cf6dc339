"""The form of a policy. A closed schema: an unknown key is an error when it is loaded, never ignored."""

from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Meta, Struct

Word = Annotated[str, Meta(min_length=1, max_length=256)]
Words = Annotated[list[Word], Meta(min_length=1, max_length=1_000)]
Duration = Annotated[str, Meta(max_length=16)]
Count = Annotated[int, Meta(ge=1, le=1 << 53)]
Epsilon = Annotated[float, Meta(gt=0, le=1_000)]
Bound = Annotated[float, Meta(ge=-(1 << 53), le=1 << 53)]

Action = Literal["stream", "filter", "aggregate", "transform", "operations", "get_record"]
ACTIONS: Final = frozenset(get_args(Action))

# Who keeps more secret wins; the same rank with other parameters is a conflict.
STRENGTH: Final = {
    "generalize": 1,
    "bucketize": 1,
    "date_shift": 1,
    "noise": 1,
    "hash": 2,
    "tokenize": 2,
    "mask": 3,
    "redact": 4,
    "drop": 5,
}


class Closed(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a policy."""


class Approvals(Closed, frozen=True):
    """Who must agree before access begins: `quorum` different people in one of these roles."""

    roles: Words
    quorum: Annotated[int, Meta(ge=1, le=100)] = 1


class When(Closed, frozen=True):
    """The conditions of a rule; all must hold, and an attribute that the request lacks never satisfies one."""

    purpose: Words | None = None
    organisations: Words | None = None
    roles: Words | None = None
    models: Words | None = None
    actions: Annotated[list[Action], Meta(min_length=1)] | None = None
    jurisdictions: Words | None = None
    max_duration: Duration | None = None
    approvals: Approvals | None = None


class RateLimit(Closed, frozen=True):
    """So many requests a period."""

    limit: Count
    period: Duration


class Limits(Closed, frozen=True):
    """What may be used at most."""

    rate_limit: RateLimit | None = None
    max_records: Count | None = None
    max_queries: Count | None = None
    max_bytes: Count | None = None
    max_concurrent: Count | None = None


class Constrain(Closed, frozen=True):
    """What a permit imposes; what is left out restricts nothing."""

    fields: Words | None = None
    deny_fields: Words | None = None
    filterable_fields: Words | None = None
    row_filter: dict[str, Any] | None = None
    transforms: dict[Word, dict[str, Any]] | None = None
    aggregations: Words | None = None
    entity_key: Word | None = None
    min_group_size: Count | None = None
    round_to: Count | None = None
    min_set_difference: Count | None = None
    epsilon_total: Epsilon | None = None
    epsilon_per_query: Epsilon | None = None
    max_contributions: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    bounds: dict[Word, tuple[Bound, Bound]] | None = None
    rate_limit: RateLimit | None = None
    max_records: Count | None = None
    max_queries: Count | None = None
    max_bytes: Count | None = None
    max_concurrent: Count | None = None
    per_organisation: Limits | None = None


class Rule(Closed, frozen=True):
    """One permit or prohibition."""

    id: Word
    effect: Literal["permit", "forbid"]
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    when: When = When()
    constrain: Constrain = Constrain()


class Policy(Closed, frozen=True):
    """A whole policy in its full form."""

    name: Word
    rules: Annotated[list[Rule], Meta(min_length=1, max_length=1_000)]
    id: Word | None = None
    description: Annotated[str, Meta(max_length=4_096)] = ""


class PlainRule(Closed, frozen=True):
    """A rule of the plain form."""

    allowed_models: Words | None = None
    allowed_purposes: Words | None = None
    max_duration: Duration | None = None
    jurisdictions: Words | None = None
    require_approval: bool = False


class PlainPolicy(Closed, frozen=True):
    """A policy in the plain form of Xase's own material; what no rule allows is blocked."""

    name: Word
    rules: Annotated[list[PlainRule], Meta(min_length=1, max_length=1_000)]
    id: Word | None = None
    description: Annotated[str, Meta(max_length=4_096)] = ""
    rejection_behavior: Literal["block_access"] = "block_access"
