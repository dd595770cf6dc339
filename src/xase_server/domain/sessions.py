"""Access sessions: what a lab asks for, and what is kept (docs/spec/api.md, section 5)."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Name, Object
from xase_server.domain.forms import DURATION, NO_CONTROLS, NO_NUL
from xase_server.domain.objects import ObjectRef

SESSION: Final = "session"

PENDING: Final = "PENDING"
ACTIVE: Final = "ACTIVE"
EXPIRED: Final = "EXPIRED"
REVOKED: Final = "REVOKED"
TERMINATED: Final = "TERMINATED"

STATUSES: Final = (PENDING, ACTIVE, EXPIRED, REVOKED, TERMINATED)

Duration = Annotated[str, Meta(pattern=DURATION, description="`30d`, `24h`, `2w`, `90m`")]
Purpose = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_CONTROLS)]
Why = Annotated[str, Meta(min_length=1, max_length=4096, pattern=NO_NUL)]


class NewAccess(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/access`."""

    purpose: Annotated[Purpose, Meta(description="What the data is wanted for")]
    dataset_id: Annotated[Name, Meta(description="Id or name of the dataset")] | UnsetType = UNSET
    dataset: Annotated[Name, Meta(description="The same; give one of the two")] | UnsetType = UNSET
    duration: Duration | UnsetType = UNSET
    model_id: Annotated[Name, Meta(description="The model that it is for")] | UnsetType = UNSET
    jurisdiction: Annotated[Name, Meta(description="Where the data will be used: `DE`, `EU`, …")] | UnsetType = UNSET
    metadata: Object | UnsetType = UNSET


class Ending(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Why a session ends."""

    reason: Why | UnsetType = UNSET


class Asked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The request as it was decided on, so that a later policy can be asked the same."""

    organisation: str
    role: str | None
    purpose: str
    duration_ms: int | None = None
    model_id: str | None = None
    jurisdiction: str | None = None


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a session beside its row.

    `contract` are the terms as JSON (`policy.contract.Contract`), `verdict` the id of the entry that granted
    them. Without `policy_id` the holder uses data of its own that no policy governs. `ending` is the id of
    the entry that ended it; who did that, and why, are parts of that entry. `approval` is the request that
    people approved before. `master` names the master key behind its transforms. `guardrails` are those of the
    holder that the terms keep to, each with its version.
    """

    dataset_id: str
    dataset: str
    version: int
    holder: str
    asked: Asked
    contract: dict[str, Any]
    contract_hash: str
    verdict: str
    expires_ms: int
    key_id: str
    policy_id: str | None = None
    policy_version: int | None = None
    ending: str | None = None
    approval: str | None = None
    master: str | None = None
    guardrails: tuple[tuple[str, int], ...] = ()


def session_ref(session_id: str) -> ObjectRef:
    """What a session is found by."""
    return ObjectRef(SESSION, session_id)
