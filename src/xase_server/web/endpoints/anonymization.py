"""Anonymised datasets, and how easily records are recognised (docs/spec/api.md, section 3)."""

from typing import Final

from xase_server.domain.anonymity import NewAnonymization, RiskWish
from xase_server.domain.principals import DATASETS_WRITE
from xase_server.web import examples_anonymization as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.datasets import DATASET_ID
from xase_server.web.handlers import anonymization
from xase_server.web.parameters import PathParameter
from xase_server.web.schemas_datasets import DatasetRisk, DatasetState

_GROUP: Final = "Datasets"

DATASET_VERSION: Final = PathParameter(
    name="version",
    resource="dataset version",
    description="The version's number.",
    example="1",
    pattern=r"[1-9][0-9]{0,8}",
)

ANONYMIZATION: Final = (
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/anonymize",
        name="anonymize_dataset",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Make an anonymised dataset of a dataset",
        description="Fields are generalised, and records left out, until `k` persons or records of each class look "
        "alike. The result is the next version of the dataset `name`, which is made when there is none.",
        handler=anonymization.anonymize_dataset,
        path_parameters=(DATASET_ID,),
        body=NewAnonymization,
        body_example=examples.NEW_ANONYMIZATION,
        answers={
            200: Reply(
                description="It is made, or cannot be: then `failure` or `last_failure` says why.",
                schema=DatasetState,
                example=examples.ANONYMIZED,
            ),
            202: Reply(
                description="It is being made; ask for the dataset until `progress` is gone.",
                schema=DatasetState,
                example=examples.ANONYMIZING,
            ),
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/datasets/{id}/versions/{version}/risk",
        name="get_risk",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Get an anonymised version's report of risks",
        description="As computed of what was written. Its hash stands in the version's ledger entry. Of own datasets.",
        handler=anonymization.get_risk,
        path_parameters=(DATASET_ID, DATASET_VERSION),
        answers={200: Reply(description="The report.", schema=DatasetRisk, example=examples.RISK)},
    ),
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/versions/{version}/risk",
        name="assess_risk",
        access=DATASETS_WRITE,
        group=_GROUP,
        summary="Ask how easily a version's records are recognised",
        description="By these fields, of any version of an own dataset. Stores nothing.",
        handler=anonymization.assess_risk,
        path_parameters=(DATASET_ID, DATASET_VERSION),
        body=RiskWish,
        body_example={"quasi_identifiers": ["age", "zip"], "sensitive": ["diagnosis"]},
        answers={200: Reply(description="The report.", schema=DatasetRisk, example=examples.ASSESSED)},
    ),
)
