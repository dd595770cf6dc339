"""Lineage (docs/spec/api.md, section 8)."""

from typing import Final

from xase_server.domain.principals import LINEAGE_READ
from xase_server.web import examples_lineage as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.data import DATASET
from xase_server.web.endpoints.records import RECORD_ID
from xase_server.web.handlers import lineage
from xase_server.web.parameters import Choice, Flag, Parameter, PathParameter, Text
from xase_server.web.schemas_lineage import Graph

_GROUP: Final = "Lineage"

MODEL_ID: Final = PathParameter(
    name="model_id",
    resource="model",
    description="The model's id, as decisions and operations name it.",
    example="diagnostic-model-v2",
    pattern=r"[^\x00-\x1f\x7f]{1,256}",
)
_FORMAT: Final = Parameter(
    name="format",
    kind=Choice(("graph", "prov", "openlineage")),
    default="graph",
    example="prov",
    description="The graph, W3C PROV as JSON-LD (also by `Accept: application/ld+json`), or OpenLineage run events.",
)
_WHICH: Final = (
    Parameter(name="record_id", kind=Text(1024), example="rec_a1b2c3", description="Only where this record went."),
    Parameter(name="subject", kind=Text(1024), example="p12345", description="Only where this person's records went."),
    Parameter(
        name="withdrawn",
        kind=Flag(),
        default=False,
        example="true",
        description="Only where the records went of those who have withdrawn their consent.",
    ),
)
_GRAPH: Final = Reply(
    description="The graph.",
    schema=Graph,
    example=examples.GRAPH,
    also={
        "application/ld+json": {"@context": {"prov": "http://www.w3.org/ns/prov#"}, "@graph": []},
        "application/x-ndjson": '{"eventType": "COMPLETE", "job": {"name": "session/validation"}}\n',
    },
)

LINEAGE: Final = (
    Endpoint(
        method="GET",
        path="/v1/records/{id}/lineage",
        name="decision_lineage",
        access=LINEAGE_READ,
        group=_GROUP,
        summary="Follow a decision to its data",
        description="Decision, model, operations, sessions, dataset versions and policies.",
        handler=lineage.of_decision,
        path_parameters=(RECORD_ID,),
        parameters=(_FORMAT,),
        answers={200: _GRAPH},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/models/{model_id}/lineage",
        name="model_lineage",
        access=LINEAGE_READ,
        group=_GROUP,
        summary="Follow a model both ways",
        description="To the data that it was made of, and to the newest decisions that it made.",
        handler=lineage.of_model,
        path_parameters=(MODEL_ID,),
        parameters=(_FORMAT,),
        answers={200: _GRAPH},
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/lineage",
        name="dataset_lineage",
        access=LINEAGE_READ,
        group=_GROUP,
        summary="Follow a dataset to decisions",
        description="Sessions, models and decisions; or only those that one record, one person, or everybody who has "
        "withdrawn consent is behind, also in datasets that were made of this one. For the organisation that holds it.",
        handler=lineage.of_dataset,
        path_parameters=(DATASET,),
        parameters=(*_WHICH, _FORMAT),
        answers={200: _GRAPH},
    ),
)
