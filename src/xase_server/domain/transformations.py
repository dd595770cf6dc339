"""The body that asks for data records transformed (docs/spec/api.md, section 6)."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Object
from xase_server.domain.operations import RecordId

MAX_TRANSFORMED: Final = 1_000


class NewTransformation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/sessions/{id}/transform`."""

    record_ids: Annotated[
        list[RecordId], Meta(min_length=1, max_length=MAX_TRANSFORMED, description="Ids of data records, each once")
    ]
    transformation: Annotated[
        str, Meta(min_length=1, max_length=64, description="`anonymize`, `safe_harbor`, or an operation by its name")
    ]
    parameters: (
        Annotated[Object, Meta(description="`fields`; for `anonymize` the `method`; and those of the operation")]
        | UnsetType
    ) = UNSET
    metadata: Annotated[Object, Meta(description="What you keep with it")] | UnsetType = UNSET
