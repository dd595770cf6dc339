"""The shapes of answers about access sessions, for the OpenAPI file and the tests that hold the server to it."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Digest, Listing, Time

Status = Literal["PENDING", "ACTIVE", "EXPIRED", "REVOKED", "TERMINATED"]


class RateLimit(Struct):
    """So many requests a period."""

    limit: Count
    period: Annotated[str, Meta(description="`1m`, `24h`, …")]


class SharedLimits(Struct):
    """What several sessions may use together; null restricts nothing."""

    rate_limits: list[RateLimit]
    max_records: Count | None
    max_queries: Count | None
    max_bytes: Count | None
    max_concurrent: Count | None


class OrganisationLimits(Struct):
    """The bounds on an organisation's sessions on the dataset, and on those on all datasets of its holder."""

    dataset: SharedLimits
    holder: SharedLimits


class PrivacyTerms(Struct):
    """What answers cost, and what bounds them: so many rows of each person, values of each field in its range."""

    epsilon_total: float
    epsilon_per_query: float
    max_contributions: Count
    bounds: dict[str, list[float]]


class Obligations(Struct):
    """What a session may do; null restricts nothing."""

    fields: Annotated[list[str] | None, Meta(description="The fields it may see; null for all.")]
    filterable_fields: list[str] | None
    transforms: Annotated[dict[str, str], Meta(description="Fields that it sees changed, and how.")]
    actions: Annotated[list[str] | None, Meta(description="The kinds of requests it may make.")]
    aggregations: list[str] | None
    min_group_size: Annotated[int, Meta(ge=1, description="The fewest subjects that a group of an answer speaks of.")]
    round_to: Annotated[int, Meta(ge=1, description="What counts and sums of groups are multiples of.")]
    min_set_difference: Annotated[int, Meta(ge=0, description="By how many subjects two groups differ, if at all.")]
    rate_limits: list[RateLimit]
    max_records: Count | None
    max_queries: Count | None
    max_bytes: Count | None
    max_concurrent: Count | None
    per_organisation: Annotated[
        OrganisationLimits | None, Meta(description="What all sessions of the organisation may use together.")
    ]
    privacy: Annotated[PrivacyTerms | None, Meta(description="Where answers bear noise.")]


class UsageStats(Struct):
    """What a session has used."""

    records_accessed: Count
    operations_performed: Count
    last_access: Time | None
    queries: Count
    bytes: Count


class Session(Struct):
    """An access session: what it is for, how long it lasts and what it may do.

    `ended_at` and `reason` are there once somebody has ended it, `revoked_by` when that was the holder.
    """

    session_id: Annotated[str, Meta(pattern="^sess_[0-9a-f]{16}$")]
    dataset_id: str
    dataset: Annotated[str, Meta(description="The dataset's name when the session began.")]
    dataset_version: Annotated[int, Meta(ge=1, description="The version that it sees, to its end.")]
    organisation: Annotated[str, Meta(description="Who uses it.")]
    status: Status
    purpose: str
    model_id: str | None
    created_at: Time
    expires_at: Time
    policy_id: Annotated[str | None, Meta(description="Null for the holder's own use of data without a policy.")]
    policy_version: int | None
    contract_hash: Annotated[Digest, Meta(description="Of the terms that were granted; the ledger cites it.")]
    obligations: Obligations
    usage_stats: UsageStats | UnsetType = UNSET
    ended_at: Time | UnsetType = UNSET
    reason: str | UnsetType | None = UNSET
    revoked_by: str | UnsetType | None = UNSET


class SessionList(Listing):
    """A page of sessions, newest first."""

    data: list[Session]


class RevokedSessions(Struct):
    """The sessions that ended together."""

    dataset_id: str
    sessions: Annotated[list[str], Meta(description="Their ids; those that had ended before are not among them.")]
