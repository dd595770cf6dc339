"""Bodies that ask for data in a session (docs/spec/api.md, section 6).

What a query may hold is the query language's business (`query.parse`), so it arrives here as it was sent.
"""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_PAGE: Final = 100
MAX_FOUND: Final = 1_000
MAX_BULK: Final = 65_536

Query = Annotated[Any, Meta(description="See the query language.")]


class NewFilter(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/sessions/{id}/filter`."""

    filter: Query = None
    fields: Query = None
    sort: Query = None
    skip: Query = 0
    limit: Annotated[
        int, Meta(ge=0, le=MAX_FOUND, description="Records in one answer; 0 is as many as one may hold")
    ] = 100
    cursor: (
        Annotated[str, Meta(min_length=1, max_length=128, description="`next_cursor` of the answer before")] | UnsetType
    ) = UNSET


class NewAggregation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/sessions/{id}/aggregate`."""

    pipeline: Query
