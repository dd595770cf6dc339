"""API keys: what callers send (docs/spec/api.md, section 9)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Email, Name


class NewKey(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/keys`: a role or an explicit list of scopes."""

    name: Name
    email: Email | UnsetType = UNSET
    role: Literal["admin", "data_holder", "ai_lab", "reviewer", "auditor"] | UnsetType = UNSET
    scopes: Annotated[list[str], Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    may_act_for: Annotated[list[Email], Meta(max_length=100)] | UnsetType = UNSET
    expires_at: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET


class KeyRotation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/keys/{id}/rotate`: how long the old key goes on working."""

    grace: Annotated[str, Meta(max_length=16)] = "24h"
