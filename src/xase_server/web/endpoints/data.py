"""Data in a session (docs/spec/api.md, section 6)."""

from typing import Final

from xase_server.domain.principals import DATASETS_READ, SESSIONS_READ, SESSIONS_USE
from xase_server.domain.queries import MAX_BULK, NewAggregation, NewFilter
from xase_server.web import examples_data as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.handlers import data
from xase_server.web.pages import PAGING
from xase_server.web.parameters import MAX_OFFSET, Choice, Integer, Parameter, PathParameter, QueryText, Size, Text
from xase_server.web.schemas_data import AccessList, Aggregation, Batch, DataRecord, EventList, Found

_GROUP: Final = "Data in a session"
BARRED: Final = (
    "policy_violation",
    "session_expired",
    "access_revoked",
    "session_closed",
    "quota_exceeded",
    "rate_limit_exceeded",
)
_QUERIED: Final = (*BARRED, "invalid_query")

SESSION_ID: Final = PathParameter(
    name="id", resource="session", description="The session's id.", example="sess_7f6e5d4c3b2a1908"
)
RECORD_ID: Final = PathParameter(
    name="record_id",
    resource="record",
    description="The data record's id in its dataset.",
    example="rec_a1b2c3",
    pattern=r"[^\x00-\x1f\x7f]{1,1024}",
)
DATASET: Final = PathParameter(
    name="id",
    resource="dataset",
    description="The dataset's id or name.",
    example="ds_9e8d7c6b5a493827",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
)

STREAM: Final = (
    Parameter(
        name="batch_size",
        kind=Size(1, MAX_BULK),
        example=32,
        description="Records in a batch: 32 by default and at most 100 as JSON, at most 65,536 in bulk.",
    ),
    Parameter(
        name="filter",
        kind=QueryText(4_096),
        example='{"age": {"$gte": 50}}',
        description="A filter of the query language, as JSON.",
    ),
    Parameter(
        name="fields",
        kind=QueryText(1_024),
        example="patient_id,age",
        description="Paths separated by commas, or a projection as JSON.",
    ),
    Parameter(name="sort", kind=QueryText(256), example="-age", description='`age`, `-age`, or `{"age": -1}`.'),
    Parameter(
        name="cursor",
        kind=Text(128),
        example="cursor_AmV4YW1wbGU…",
        description="`next_cursor` of the batch before; it carries on the same query.",
    ),
    Parameter(
        name="order",
        kind=Choice(("shuffle",)),
        example="shuffle",
        description="Training order: a permutation of the matching records, keyed by `seed` and `epoch`.",
    ),
    Parameter(name="seed", kind=Integer(0, MAX_OFFSET), example=42, description="With `order`: 0 by default."),
    Parameter(name="epoch", kind=Integer(0, MAX_OFFSET), example=3, description="With `order`: 0 by default."),
    Parameter(
        name="rank", kind=Integer(0, 1 << 20), example=0, description="With `order`: which of the readers this is."
    ),
    Parameter(
        name="world_size",
        kind=Integer(1, 1 << 20),
        example=4,
        description="With `order`: how many readers share the records.",
    ),
    Parameter(
        name="position",
        kind=Integer(0, MAX_OFFSET),
        example=0,
        description="With `order`: the position in that order from which the readers share what is left.",
    ),
)
EVENTS: Final = (
    Parameter(
        name="start", kind=Integer(0, MAX_OFFSET), default=0, example=0, description="The sequence to begin with."
    ),
    Parameter(name="limit", kind=Integer(1, 100), default=20, example=20, description="How many events a page holds."),
)

DATA: Final = (
    Endpoint(
        method="GET",
        path="/v1/sessions/{id}/stream",
        name="stream",
        access=SESSIONS_USE,
        group=_GROUP,
        summary="Stream data",
        description="A batch as JSON with a cursor to the next; or, by `Accept`, all that is left of the query as an "
        "Arrow stream, NDJSON or CSV (with `Accept-Encoding: zstd` compressed). Each batch is in the ledger before its "
        "first byte; in an Arrow stream each record batch carries its `batch_id` and `next_cursor` as metadata.",
        handler=data.stream,
        path_parameters=(SESSION_ID,),
        parameters=STREAM,
        answers={
            200: Reply(
                description="A batch, or the whole rest.",
                schema=Batch,
                example=examples.BATCH,
                also={
                    "application/vnd.apache.arrow.stream": None,
                    "application/x-ndjson": '{"record_id": "rec_a1b2c3", "age": 57}\n',
                    "text/csv": "record_id,age\nrec_a1b2c3,57\n",
                },
            )
        },
        errors=(*_QUERIED, "invalid_cursor"),
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/{id}/records/{record_id}",
        name="get_data_record",
        access=SESSIONS_USE,
        group=_GROUP,
        summary="Get a data record",
        description="A record that the policy leaves out answers like one that does not exist.",
        handler=data.get_data_record,
        path_parameters=(SESSION_ID, RECORD_ID),
        answers={200: Reply(description="The record.", schema=DataRecord, example=examples.DATA_RECORD)},
        errors=BARRED,
    ),
    Endpoint(
        method="POST",
        path="/v1/sessions/{id}/filter",
        name="filter_records",
        access=SESSIONS_USE,
        group=_GROUP,
        summary="Filter data",
        description="`total_matched` is exact. Each call is a reading of its own, also with an idempotency key.",
        handler=data.filter_records,
        path_parameters=(SESSION_ID,),
        body=NewFilter,
        body_example=examples.FILTER,
        answers={200: Reply(description="The matching records.", schema=Found, example=examples.FOUND)},
        errors=(*_QUERIED, "invalid_cursor"),
    ),
    Endpoint(
        method="POST",
        path="/v1/sessions/{id}/aggregate",
        name="aggregate",
        access=SESSIONS_USE,
        group=_GROUP,
        summary="Aggregate data",
        description="Each call is a reading of its own, also with an idempotency key. Under a policy with a privacy "
        "budget results bear noise, each call is paid for, and the answer says what it cost and what is left.",
        handler=data.aggregate,
        path_parameters=(SESSION_ID,),
        body=NewAggregation,
        body_example={"pipeline": examples.PIPELINE},
        answers={200: Reply(description="The pipeline's rows.", schema=Aggregation, example=examples.AGGREGATION)},
        errors=(*_QUERIED, "group_too_small", "budget_exhausted"),
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions/{id}/events",
        name="list_events",
        access=SESSIONS_READ,
        group=_GROUP,
        summary="List what happened in a session",
        description="The session's ledger entries in order, for those who use it and for those whose data it is. "
        "`Accept: text/event-stream` goes on as they come; `Last-Event-ID` resumes.",
        handler=data.list_events,
        path_parameters=(SESSION_ID,),
        parameters=EVENTS,
        answers={
            200: Reply(
                description="A page of events.",
                schema=EventList,
                example=examples.EVENT_LIST,
                also={"text/event-stream": "id: 1\nevent: release\ndata: {}\n\n"},
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/records/{record_id}/accesses",
        name="list_accesses",
        access=DATASETS_READ,
        group=_GROUP,
        summary="List every delivery of a data record",
        description="For the organisation that holds the dataset: to whom the record went, for what, in which batch. "
        "Oldest first.",
        handler=data.list_accesses,
        path_parameters=(DATASET, RECORD_ID),
        parameters=PAGING,
        answers={200: Reply(description="A page of deliveries.", schema=AccessList, example=examples.ACCESS_LIST)},
        errors=("invalid_cursor",),
    ),
)
