"""Evidence bundles: what callers ask for (docs/spec/api.md, section 7)."""

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from xase_server.domain.decisions import Name, Reason
from xase_server.domain.forms import DECISION_ID
from xase_server.domain.objects import ObjectRef

MAX_NAMED_RECORDS: Final = 10_000

RecordId = Annotated[str, Meta(pattern=DECISION_ID)]
Instant = Annotated[str, Meta(min_length=1, max_length=40)]


class NewBundle(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of `POST /v1/evidence/bundles`: named records, a model and a period, a session, or a dataset's sessions.

    Without `include_payloads` the bundle holds commitments only: it proves that the decisions
    were made and what was decided about them, without disclosing the contents.
    """

    record_ids: (
        Annotated[
            list[RecordId],
            Meta(min_length=1, max_length=MAX_NAMED_RECORDS, description="These records; not with other criteria"),
        ]
        | UnsetType
    ) = UNSET
    session_id: Annotated[Name, Meta(description="This session: the lab's and the holder's to export")] | UnsetType = (
        UNSET
    )
    dataset_id: (
        Annotated[Name, Meta(description="Every session on this dataset, and every request for it; the holder's")]
        | UnsetType
    ) = UNSET
    model_id: Annotated[Name, Meta(description="This model's decisions")] | UnsetType = UNSET
    start_date: Annotated[Instant, Meta(description="From this date or instant on")] | UnsetType = UNSET
    end_date: Annotated[Instant, Meta(description="Until then; a bare date includes that whole day")] | UnsetType = (
        UNSET
    )
    purpose: Annotated[Reason, Meta(description="Why it is made; ledgered")] | UnsetType = UNSET
    format: Annotated[
        Literal["standard", "pdf"], Meta(description="`pdf` adds the report as a document, `report.pdf`")
    ] = "standard"
    include_operations: (
        Annotated[
            bool,
            Meta(
                description="Of a session or dataset, whether what operations hold is disclosed (the default); of a "
                "model, whether the sessions that fed it join its decisions (false by default)"
            ),
        ]
        | UnsetType
    ) = UNSET
    include_payloads: Annotated[bool, Meta(description="Whether contents are disclosed, or only committed to")] = True


EXPORT: Final = "export"

PENDING: Final = "PENDING"
FAILED: Final = "FAILED"


class Failure(Struct, frozen=True):
    """Why a bundle could not be made: a slug of the catalogue, and a sentence."""

    code: str
    message: str


class Export(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a bundle that was asked for, until it is there, beside its row.

    `scope` is encoded by who can read it. `entry` is the request's in the ledger: who asked is a part of it.
    """

    scope: Raw
    format: str
    key_id: str
    entry: str
    purpose: str | None = None
    failure: Failure | None = None


def export_ref(identifier: str) -> ObjectRef:
    """What the request for a bundle is found by."""
    return ObjectRef(EXPORT, identifier)
