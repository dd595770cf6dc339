"""Operations on data of a session: what a lab says it did with it (docs/spec/api.md, section 6)."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Object

OperationType = Literal["TRAIN", "ANALYZE", "VALIDATE", "INFER", "EVALUATE", "EXPORT"]
RecordId = Annotated[str, Meta(min_length=1, max_length=1024)]
BatchName = Annotated[str, Meta(min_length=1, max_length=64)]

MAX_RECORDS: Final = 100_000
MAX_BATCHES: Final = 10_000


class NewOperation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/sessions/{id}/operations`."""

    operation_type: Annotated[OperationType, Meta(description="What was done")]
    records: Annotated[list[RecordId], Meta(max_length=MAX_RECORDS, description="Ids of data records")] | UnsetType = (
        UNSET
    )
    batch_ids: (
        Annotated[list[BatchName], Meta(max_length=MAX_BATCHES, description="In place of thousands of ids: batches")]
        | UnsetType
    ) = UNSET
    metadata: Annotated[Object, Meta(description="`model_id`, metrics, and what else you keep")] | UnsetType = UNSET
