"""An organisation's guardrails: policies of its own that have a say on every dataset of its (docs/spec/policy.md)."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from xase_server.domain.decisions import Name
from xase_server.domain.objects import ObjectRef

GUARDRAILS: Final = "guardrails"


class Guardrails(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `PUT /v1/guardrails`: all of them, in the order in which they are asked; none for an empty list."""

    policy_ids: Annotated[list[Name], Meta(max_length=32, description="Policies of the organisation")]


class StoredGuardrails(Struct, frozen=True, kw_only=True):
    """What is kept: the policies, and the entry that says so, which verdicts cite."""

    policy_ids: tuple[str, ...]
    entry: str
    changed_ms: int


def guardrails_ref(organisation: str) -> ObjectRef:
    """What an organisation's guardrails are found by."""
    return ObjectRef(GUARDRAILS, organisation)
