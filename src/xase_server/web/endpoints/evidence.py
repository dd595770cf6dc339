"""Evidence and bundles (docs/spec/api.md, section 7)."""

from typing import Final

from xase_server.domain.bundles import NewBundle
from xase_server.domain.principals import EVIDENCE_EXPORT, EVIDENCE_READ
from xase_server.web import examples
from xase_server.web.bodies import StoredBundle
from xase_server.web.endpoint import Caching, Endpoint, Reply
from xase_server.web.handlers import evidence
from xase_server.web.pages import PAGING
from xase_server.web.parameters import PathParameter
from xase_server.web.schemas import Bundle, BundleList, Evidence, Verdict

_GROUP: Final = "Evidence"

EVIDENCE_ID: Final = PathParameter(
    name="id",
    resource="evidence",
    description="The id of any object that the ledger knows: `rec_…`, `int_…`, `key_…`, `bundle_…`.",
    example="rec_8a7f3b2c4d5e6f7a",
)
BUNDLE_ID: Final = PathParameter(
    name="id", resource="bundle", description="The bundle's id.", example="bundle_7d8e9f0a1b2c3d4e"
)

EVIDENCE: Final = (
    Endpoint(
        method="GET",
        path="/v1/evidence/{id}",
        name="get_evidence",
        access=EVIDENCE_READ,
        group=_GROUP,
        summary="Get the evidence of one object",
        description="The ledger entry, its inclusion proof and a checkpoint that covers it.",
        handler=evidence.get_evidence,
        path_parameters=(EVIDENCE_ID,),
        caching=Caching.PRIVATE,
        answers={200: Reply(description="The evidence.", schema=Evidence, example=examples.EVIDENCE)},
    ),
    Endpoint(
        method="POST",
        path="/v1/evidence/bundles",
        name="create_bundle",
        access=EVIDENCE_EXPORT,
        group=_GROUP,
        summary="Make an evidence bundle",
        description="For named records, or for a model and a period. Made in the background: ask for it until its "
        "`status` is `READY`, then download it and verify it offline with `xase verify`.",
        handler=evidence.create_bundle,
        body=NewBundle,
        body_example={"model_id": "credit-model-v2", "start_date": "2025-01-01", "end_date": "2025-01-31"},
        answers={200: Reply(description="The bundle being made.", schema=Bundle, example=examples.BUNDLE)},
        errors=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="/v1/evidence/bundles",
        name="list_bundles",
        access=EVIDENCE_READ,
        group=_GROUP,
        summary="List evidence bundles",
        description="All that were asked for, newest first; those in the making and those that could not be made, too.",
        handler=evidence.list_bundles,
        parameters=PAGING,
        answers={
            200: Reply(
                description="A page of bundles.", schema=BundleList, example=examples.page_of(examples.READY_BUNDLE, 1)
            )
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/evidence/bundles/{id}",
        name="get_bundle",
        access=EVIDENCE_READ,
        group=_GROUP,
        summary="Get an evidence bundle's description",
        handler=evidence.get_bundle,
        path_parameters=(BUNDLE_ID,),
        caching=Caching.PRIVATE,
        answers={200: Reply(description="The bundle.", schema=Bundle, example=examples.READY_BUNDLE)},
    ),
    Endpoint(
        method="GET",
        path="/v1/evidence/bundles/{id}/download",
        name="download_bundle",
        access=EVIDENCE_READ,
        group=_GROUP,
        summary="Download an evidence bundle",
        description="A zip file. A bundle that is still being made is a `conflict`.",
        handler=evidence.download_bundle,
        path_parameters=(BUNDLE_ID,),
        caching=Caching.PRIVATE_IMMUTABLE,
        answers={
            200: Reply(
                description="The bundle.",
                media="application/zip",
                headers={"Content-Disposition": "A file name made of the bundle's id."},
            )
        },
        errors=("conflict",),
    ),
    Endpoint(
        method="POST",
        path="/v1/evidence/verify",
        name="verify_bundle",
        access=EVIDENCE_READ,
        group=_GROUP,
        summary="Verify an evidence bundle",
        description="A stored one by its id, or any by uploading the zip. Trusts this server's own keys; to trust "
        "nobody but a key you were given, verify offline: `xase verify BUNDLE --key PUBKEY`.",
        handler=evidence.verify_bundle,
        body=StoredBundle,
        body_example={"bundle_id": "bundle_7d8e9f0a1b2c3d4e"},
        upload="application/zip",
        large=True,
        answers={200: Reply(description="The verdict.", schema=Verdict, example=examples.VERDICT)},
        errors=("not_found", "conflict"),
    ),
)
