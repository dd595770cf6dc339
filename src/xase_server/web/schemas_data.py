"""The shapes of answers that carry data of a session, for the OpenAPI file."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Digest, Json, Time

BatchId = Annotated[str, Meta(pattern="^batch_[0-9a-f]{16}$")]
Cursor = Annotated[str, Meta(description="Carries on the same query.")]


class DataRecord(Struct):
    """A row of a dataset: `record_id`, and the fields that may be seen and are not null."""

    record_id: str


class Batch(Struct):
    """A batch of data records."""

    batch: list[DataRecord]
    batch_id: BatchId
    record_count: Count
    has_more: bool
    next_cursor: Cursor | None


class Found(Struct):
    """Data records that match; `total_matched` counts all of them."""

    records: list[DataRecord]
    record_count: Count
    has_more: bool
    next_cursor: Cursor | None
    total_matched: Count
    batch_id: BatchId


class Aggregation(Struct):
    """The rows of a pipeline; `evidence_id` finds the ledger entry that says they were handed out.

    Where they bear noise: what they cost, what all answers about the dataset have cost with them, what is left.
    """

    results: list[Json]
    result_count: Count
    aggregation_id: Annotated[str, Meta(pattern="^agg_[0-9a-f]{16}$")]
    evidence_id: Annotated[str, Meta(pattern="^ev_[0-9a-f]{16}$")]
    epsilon: float | UnsetType = UNSET
    epsilon_spent: float | UnsetType = UNSET
    epsilon_left: float | UnsetType = UNSET


class Transformed(Struct):
    """Data records, transformed; `key_id` names the key that was used, if one was."""

    transformed_records: list[DataRecord]
    transformation_id: Annotated[str, Meta(pattern="^transform_[0-9a-f]{16}$")]
    evidence_url: str
    algorithm: str
    key_id: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | None


class Event(Struct):
    """A ledger entry of a session's chain."""

    id: str
    type: str
    time: Time
    index: Count
    sequence: Count
    hash: Digest
    body: Json


class EventList(Struct):
    """A page of a session's events; `next_start` begins the next."""

    data: list[Event]
    next_start: Count | None


class Access(Struct):
    """One delivery of a data record."""

    batch_id: str
    session_id: str
    organisation: str
    purpose: str
    model_id: str | None
    dataset_version: Count
    via: str
    fields: list[str]
    time: Time
    index: Count


class AccessList(Struct):
    """A page of deliveries."""

    data: list[Access]
    total: Count
    limit: Count
    offset: Count
    next_cursor: Any


class Unreceived(Struct):
    """That an operation names records which the session has not received."""

    unknown_records: Count
    sample: list[str]


class Operation(Struct):
    """An operation, recorded; `reconciliation` is `matched`, or how many records had not been received."""

    operation_id: Annotated[str, Meta(pattern="^op_[0-9a-f]{16}$")]
    created_at: Time
    status: Literal["RECORDED"]
    evidence_id: Annotated[str, Meta(pattern="^ev_[0-9a-f]{16}$")]
    reconciliation: Literal["matched"] | Unreceived
