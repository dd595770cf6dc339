"""Bodies that only the wire knows; what they hold is of the domain."""

from typing import Annotated

from msgspec import Meta, Struct

from xase_server.domain.decisions import MAX_BATCH, NewDecision


class NewDecisionBatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/records/batch`."""

    records: Annotated[list[NewDecision], Meta(min_length=1, max_length=MAX_BATCH)]


class StoredBundle(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/evidence/verify` for a bundle that this server made."""

    bundle_id: Annotated[str, Meta(min_length=1, max_length=64)]
