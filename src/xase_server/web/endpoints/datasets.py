"""Datasets (docs/spec/api.md, section 3)."""

from typing import Final

from xase_server.domain.datasets import ARCHIVED, FAILED, PROCESSING, READY, DatasetChange, NewDataset, NewVersion
from xase_server.domain.principals import DATASETS_READ, DATASETS_WRITE
from xase_server.web import examples_holder as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.examples import page_of
from xase_server.web.handlers import datasets
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, Parameter, PathParameter, Text
from xase_server.web.schemas_datasets import (
    DatasetBudget,
    DatasetList,
    DatasetProfile,
    DatasetSchema,
    DatasetState,
    DatasetVersionList,
)

_GROUP: Final = "Datasets"
_LOCATION: Final = {"Location": "The address of the new object."}

DATASET_ID: Final = PathParameter(
    name="id",
    resource="dataset",
    description="The dataset's id or name.",
    example="ds_3c5d7e9f1a2b4c6d",
    pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
)
_FORMAT: Final = Parameter(
    name="format",
    kind=Choice(("parquet", "arrow", "ndjson", "csv")),
    example="parquet",
    description="How the data is written; by default as the media type says, else found out from the content.",
)
_MODE: Final = Parameter(
    name="mode",
    kind=Choice(("replace", "append")),
    default="replace",
    example="append",
    description="Whether the data takes the place of the records there are, or comes behind them.",
)
_FILTERS: Final = (
    Parameter(name="name", kind=Text(128), example="medical-records", description="Only datasets of this name."),
    Parameter(
        name="status",
        kind=Choice((PROCESSING, READY, FAILED, ARCHIVED)),
        example="READY",
        description="Only datasets of this status.",
    ),
)
_STATE: Final = Reply(description="The dataset.", schema=DatasetState, example=examples.DATASET)
_READ: Final = Reply(
    description="The data was read, or refused: then `failure` or `last_failure` says why.",
    schema=DatasetState,
    example=examples.DATASET,
)
_READING: Final = Reply(
    description="The data is being read; ask for the dataset until `progress` is gone.",
    schema=DatasetState,
    example=examples.READING,
)

DATASETS: Final = (
    Endpoint(
        method="POST",
        path="/v1/datasets",
        name="register_dataset",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Register a dataset",
        description="With a `source` under one of the server's storage roots its data is read at once; without one, "
        "send the data next. Closed to everyone but its holder until it has a policy.",
        handler=datasets.register_dataset,
        body=NewDataset,
        body_example=examples.NEW_DATASET,
        answers={
            201: Reply(
                description="The dataset.",
                schema=DatasetState,
                example=examples.NEW_DATASET_STATE,
                headers=_LOCATION,
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets",
        name="list_datasets",
        access=DATASETS_READ,
        group=_GROUP,
        summary="List datasets",
        description="The organisation's own, and those of others whose policy could permit it something, in the "
        "order of their registration.",
        handler=datasets.list_datasets,
        parameters=(*_FILTERS, *PAGING),
        answers={
            200: Reply(description="A page of datasets.", schema=DatasetList, example=page_of(examples.DATASET, 1))
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}",
        name="get_dataset",
        access=DATASETS_READ,
        group=_GROUP,
        summary="Get a dataset",
        handler=datasets.get_dataset,
        path_parameters=(DATASET_ID,),
        answers={200: _STATE},
        errors=("conflict",),
    ),
    Endpoint(
        method="PATCH",
        path="/v1/datasets/{id}",
        name="change_dataset",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Change what is said of a dataset",
        description="Its description, its notes on fields, its policy; `null` takes the policy away.",
        handler=datasets.change_dataset,
        path_parameters=(DATASET_ID,),
        body=DatasetChange,
        body_example={"policy_id": "policy_medical_research"},
        answers={200: _STATE},
    ),
    Endpoint(
        method="DELETE",
        path="/v1/datasets/{id}",
        name="archive_dataset",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Archive a dataset",
        description="No new session can be opened on it, and it takes no more data. Archiving again changes nothing.",
        handler=datasets.archive_dataset,
        path_parameters=(DATASET_ID,),
        answers={
            200: Reply(
                description="The dataset.", schema=DatasetState, example={**examples.DATASET, "status": "ARCHIVED"}
            )
        },
    ),
    Endpoint(
        method="PUT",
        path="/v1/datasets/{id}/data",
        name="upload_data",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Send a dataset's data",
        description="Becomes its next version; who reads an older one is undisturbed. Written to disk while it "
        "arrives; what does not arrive whole leaves nothing.",
        handler=datasets.upload_data,
        path_parameters=(DATASET_ID,),
        parameters=(_FORMAT, _MODE),
        streams=tuple(datasets.FORMATS),
        answers={200: _READ, 202: _READING},
    ),
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/versions",
        name="add_version",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Make a version from a source",
        description="As sending data does, from a file under one of the server's storage roots.",
        handler=datasets.add_version,
        path_parameters=(DATASET_ID,),
        body=NewVersion,
        body_example={"source": "data/records-2025-02.parquet", "mode": "append"},
        answers={200: _READ, 202: _READING},
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/versions",
        name="list_versions",
        access=DATASETS_READ,
        group=_GROUP,
        summary="List a dataset's versions",
        description="Of the organisation's own datasets, newest first.",
        handler=datasets.list_versions,
        path_parameters=(DATASET_ID,),
        parameters=PAGING,
        answers={
            200: Reply(
                description="A page of versions.", schema=DatasetVersionList, example=page_of(examples.VERSION, 1)
            )
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/schema",
        name="get_schema",
        access=DATASETS_READ,
        group=_GROUP,
        summary="Get a dataset's fields",
        description="With types, classes and descriptions; for other organisations those that some rule offers them.",
        handler=datasets.get_schema,
        path_parameters=(DATASET_ID,),
        answers={200: Reply(description="The fields.", schema=DatasetSchema, example=examples.SCHEMA)},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/croissant",
        name="get_croissant",
        access=DATASETS_READ,
        group=_GROUP,
        summary="Describe a dataset in Croissant",
        description="JSON-LD of Croissant 1.0, for catalogues and loaders. It describes the data and gives none.",
        handler=datasets.get_croissant,
        path_parameters=(DATASET_ID,),
        answers={200: Reply(description="The description.", media="application/ld+json", example=examples.CROISSANT)},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/profile",
        name="get_profile",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Get a dataset's profile",
        description="Per field: nulls, distinct values, least, greatest, quantiles. Of the organisation's own "
        "datasets; it tells of the data itself.",
        handler=datasets.get_profile,
        path_parameters=(DATASET_ID,),
        answers={200: Reply(description="The profile.", schema=DatasetProfile, example=examples.PROFILE)},
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/budget",
        name="get_budget",
        access=DATASETS_READ,
        group=_GROUP,
        summary="Get a dataset's privacy budget",
        description="What noisy answers about it have cost, by organisation, and what is left under the policy in "
        "force. Of the organisation's own datasets. To give more, raise `epsilon_total` in the policy.",
        handler=datasets.get_budget,
        path_parameters=(DATASET_ID,),
        answers={200: Reply(description="The budget.", schema=DatasetBudget, example=examples.BUDGET)},
    ),
)
