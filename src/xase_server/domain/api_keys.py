"""API keys: what callers send (docs/spec/api.md, section 9)."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Email, Name
from xase_server.domain.objects import ObjectRef


class NewKey(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/keys`: a role or an explicit list of scopes."""

    name: Annotated[Name, Meta(description="What the key is for")]
    email: (
        Annotated[Email, Meta(description="The principal it stands for; the caller's own when left out")] | UnsetType
    ) = UNSET
    role: (
        Annotated[
            Literal["admin", "data_holder", "ai_lab", "reviewer", "auditor"],
            Meta(description="Give either a role or scopes"),
        ]
        | UnsetType
    ) = UNSET
    scopes: (
        Annotated[list[str], Meta(min_length=1, max_length=64, description="What exactly the key may do")] | UnsetType
    ) = UNSET
    may_act_for: (
        Annotated[list[Email], Meta(max_length=100, description="Other principals that it may speak for")] | UnsetType
    ) = UNSET
    expires_at: (
        Annotated[str, Meta(max_length=40, description="ISO 8601 date or date-time, in the future")] | UnsetType
    ) = UNSET


class KeyRotation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/keys/{id}/rotate`: how long the old key goes on working."""

    grace: Annotated[
        str, Meta(max_length=16, description="How long the old key goes on working: `0`, `90m`, `24h`, up to `30d`")
    ] = "24h"


REVOKED_KEY: Final = "revoked_key"


def revoked_ref(key_id: str) -> ObjectRef:
    """What says that a key was revoked: it is there from then on, and its document is the id of the entry."""
    return ObjectRef(REVOKED_KEY, key_id)
