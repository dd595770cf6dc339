"""The shapes of answers about what has been used, for the OpenAPI file."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Listing


class UsageRow(Struct):
    """A sum; `day`, `session_id`, `dataset_id`, `model_id` and `organisation` say of what."""

    sessions: Count
    records: Annotated[int, Meta(ge=0, description="Delivered; of a model: named in its operations.")]
    operations: Count
    day: Annotated[str, Meta(description="UTC; `sessions` are those used on it.")] | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    dataset_id: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    organisation: Annotated[str, Meta(description="The lab's.")] | UnsetType = UNSET
    bytes: Count | UnsetType = UNSET
    queries: Count | UnsetType = UNSET
    hours: Annotated[float, Meta(ge=0, description="How long they were open, together.")] | UnsetType = UNSET


class UsageList(Listing):
    """A page of sums, the earliest begun first."""

    data: list[UsageRow]
