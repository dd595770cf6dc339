"""Decision records and human interventions (docs/spec/api.md, section 2)."""

from dataclasses import replace
from typing import Final

from xase_server.domain.decisions import Erasure, NewDecision, NewIntervention
from xase_server.domain.principals import RECORDS_ERASE, RECORDS_INTERVENE, RECORDS_READ, RECORDS_WRITE
from xase_server.web import examples
from xase_server.web.bodies import NewDecisionBatch
from xase_server.web.endpoint import Caching, Endpoint, Reply
from xase_server.web.handlers import records
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, End, Flag, Instant, Number, Parameter, PathParameter, Text
from xase_server.web.schemas import (
    DecisionProof,
    DecisionRecord,
    DecisionRecordBatch,
    DecisionRecordList,
    Intervention,
    InterventionList,
)

_GROUP: Final = "Decision records"
_LOCATION: Final = {"Location": "The address of the new object."}

RECORD_ID: Final = PathParameter(
    name="id",
    resource="record",
    description="The record's id, or an unambiguous prefix of at least eight hex digits.",
    example="rec_8a7f3b2c4d5e6f7a",
)

RECEIPT: Final = Parameter(
    name="receipt",
    kind=Flag(),
    default=False,
    example=True,
    description="Whether to answer with the complete offline proof of the new entry.",
)

FILTERS: Final = (
    Parameter(name="model_id", kind=Text(), example="credit-model-v2", description="Only this model's decisions."),
    Parameter(name="policy_id", kind=Text(), example="lending-eu-3", description="Only decisions under this policy."),
    Parameter(
        name="transaction_id", kind=Text(), example="txn_abc123", description="Only decisions with your own reference."
    ),
    Parameter(
        name="start_date",
        kind=Instant(),
        example="2025-01-01",
        description="From this instant on. A bare date is its first moment, UTC.",
    ),
    Parameter(
        name="end_date",
        kind=End(),
        example="2025-01-31",
        description="Up to and with this instant. A bare date includes that whole day, UTC.",
    ),
    Parameter(
        name="has_intervention",
        kind=Flag(),
        example=True,
        description="Only decisions that a person acted on, or only those that nobody did.",
    ),
    Parameter(
        name="min_confidence",
        kind=Number(0, 1),
        example=0.5,
        description="Only decisions with at least this confidence.",
    ),
    Parameter(
        name="max_confidence",
        kind=Number(0, 1),
        example=0.9,
        description="Only decisions with at most this confidence.",
    ),
    Parameter(
        name="order",
        kind=Choice(("desc", "asc")),
        default="desc",
        example="desc",
        description="Newest or oldest first.",
    ),
)

_CREATE_INTERVENTION: Final = Endpoint(
    method="POST",
    path="/v1/records/{id}/interventions",
    name="create_intervention",
    access=RECORDS_INTERVENE,
    group=_GROUP,
    summary="Act on a decision",
    description="Approves, rejects, overrides or escalates a decision. The intervention is an entry of its own that "
    "commits to the record's hash and carries a signature; the record is never rewritten. `signed_at` is strictly "
    "later than the decision's `created_at`.",
    handler=records.create_intervention,
    path_parameters=(RECORD_ID,),
    parameters=(RECEIPT,),
    body=NewIntervention,
    body_example=examples.OVERRIDE,
    answers={201: Reply(description="The intervention.", schema=Intervention, example=examples.INTERVENTION)},
    errors=("conflict",),
)

RECORDS: Final = (
    Endpoint(
        method="POST",
        path="/v1/records",
        name="create_record",
        access=RECORDS_WRITE,
        group=_GROUP,
        summary="Record a decision",
        description="When the answer arrives the record is durable, in the Merkle tree and under a signed checkpoint. "
        "`idempotency_key` may be given in the body or as header; if both are given they must agree.",
        handler=records.create_record,
        parameters=(RECEIPT,),
        body=NewDecision,
        body_example=examples.DECISION,
        key_in_body=True,
        answers={
            201: Reply(description="The record.", schema=DecisionRecord, example=examples.RECORD, headers=_LOCATION)
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/records/batch",
        name="create_records",
        access=RECORDS_WRITE,
        group=_GROUP,
        summary="Record up to 1,000 decisions at once",
        description="All or nothing, in one durable commit, in the order given. A bare JSON array of decisions is "
        "read as `records`.",
        handler=records.create_records,
        parameters=(RECEIPT,),
        body=NewDecisionBatch,
        body_example={"records": [examples.DECISION]},
        bare_field="records",
        large=True,
        answers={
            201: Reply(
                description="The records, in the order sent.",
                schema=DecisionRecordBatch,
                example={"data": [examples.RECORD]},
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/records",
        name="list_records",
        access=RECORDS_READ,
        group=_GROUP,
        summary="List decision records",
        description="`total` is exact.",
        handler=records.list_records,
        parameters=(*FILTERS, *PAGING),
        answers={
            200: Reply(
                description="A page of records.", schema=DecisionRecordList, example=examples.page_of(examples.RECORD)
            )
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/records/{id}",
        name="get_record",
        access=RECORDS_READ,
        group=_GROUP,
        summary="Get a decision record",
        description="With the interventions that came later. An ambiguous prefix is a `conflict`.",
        handler=records.get_record,
        path_parameters=(RECORD_ID,),
        caching=Caching.PRIVATE,
        answers={200: Reply(description="The record.", schema=DecisionRecord, example=examples.RECORD)},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/records/{id}/proof",
        name="prove_record",
        access=RECORDS_READ,
        group=_GROUP,
        summary="Prove a decision record",
        description="The ledger entry, the hashes of its neighbours in the chain, an inclusion proof and the signed "
        "checkpoint that it leads to. Enough to verify offline.",
        handler=records.prove_record,
        path_parameters=(RECORD_ID,),
        caching=Caching.PRIVATE,
        answers={200: Reply(description="The proof.", schema=DecisionProof, example=examples.PROOF)},
        errors=("conflict",),
    ),
    _CREATE_INTERVENTION,
    replace(
        _CREATE_INTERVENTION,
        path="/v1/records/{id}/intervene",
        name="intervene",
        alias_of=_CREATE_INTERVENTION.path,
        summary="Act on a decision (alias)",
        description=f"The same as `POST {_CREATE_INTERVENTION.path}`.",
    ),
    Endpoint(
        method="GET",
        path="/v1/records/{id}/interventions",
        name="list_interventions",
        access=RECORDS_READ,
        group=_GROUP,
        summary="List the interventions on a decision",
        description="Oldest first.",
        handler=records.list_interventions,
        path_parameters=(RECORD_ID,),
        parameters=PAGING,
        answers={
            200: Reply(
                description="A page of interventions.",
                schema=InterventionList,
                example=examples.page_of(examples.INTERVENTION, 1),
            )
        },
        errors=("conflict", "invalid_cursor"),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/records/{id}/payload",
        name="erase_payload",
        access=RECORDS_ERASE,
        group=_GROUP,
        summary="Erase a decision's content",
        description="Destroys input, output, context and explanation together with their salts. Hash, chain and proofs "
        "stay valid; the record shows `erased_at` and the reason. Erasing again changes nothing.",
        handler=records.erase_payload,
        path_parameters=(RECORD_ID,),
        body=Erasure,
        body_example={"reason": "Erasure request of the customer"},
        answers={200: Reply(description="The record, emptied.", schema=DecisionRecord, example=examples.ERASED)},
        errors=("conflict",),
    ),
)
