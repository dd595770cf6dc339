"""What a policy may be asked without anybody's access changing (docs/spec/api.md, section 4)."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.domain.decisions import Name
from xase_server.domain.sessions import Duration, Purpose


class Agreement(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Somebody who would agree, and in which role."""

    approver: Name
    role: Name


class Simulation(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/policies/{id}/simulate`; what is left out, the request would lack."""

    purpose: Annotated[Purpose, Meta(description="What the data would be wanted for")]
    duration: Duration | UnsetType = UNSET
    model_id: Annotated[Name, Meta(description="The model that it would be for")] | UnsetType = UNSET
    organisation: Annotated[Name, Meta(description="Who would ask")] | UnsetType = UNSET
    role: Annotated[Name, Meta(description="In which role")] | UnsetType = UNSET
    jurisdiction: Annotated[Name, Meta(description="Where the data would be used")] | UnsetType = UNSET
    approvals: Annotated[list[Agreement], Meta(max_length=100, description="Who would agree")] | UnsetType = UNSET
