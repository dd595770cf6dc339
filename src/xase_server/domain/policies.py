"""Policies as they are kept: each version for ever, and which one is in force (docs/spec/api.md, section 4)."""

from typing import Any, Final

from msgspec import Struct

from xase_server.domain.objects import ObjectRef

POLICY: Final = "policy"
POLICY_VERSION: Final = "policy_version"
IN_FORCE: Final = "ACTIVE"


class StoredPolicy(Struct, frozen=True, kw_only=True):
    """One version of a policy: the document as the holder wrote it, and its hash, which entries cite."""

    id: str
    version: int
    document: dict[str, Any]
    hash: str
    created_ms: int


def policy_ref(organisation: str, policy_id: str) -> ObjectRef:
    """The version in force; holders choose ids themselves, so another holder may use the same."""
    return ObjectRef(POLICY, f"{organisation}/{policy_id}")


def policy_version_ref(organisation: str, policy_id: str, version: int) -> ObjectRef:
    """One version."""
    return ObjectRef(POLICY_VERSION, f"{organisation}/{policy_id}@{version}")
