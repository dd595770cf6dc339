"""Consent (docs/spec/api.md, section 3)."""

from typing import Final

from xase_server.domain.consent import NewWithdrawal
from xase_server.domain.principals import CONSENT_WRITE
from xase_server.web import examples_lineage as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.data import DATASET
from xase_server.web.handlers import consent
from xase_server.web.schemas_lineage import Withdrawal

CONSENT: Final = (
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/subjects/withdraw",
        name="withdraw_consent",
        access=CONSENT_WRITE,
        group="Datasets",
        summary="Withdraw a person's consent",
        description="From the next batch on, in every open session, that person's data records are gone, and those "
        "that stem from them in datasets that were made of this one. The answer lists the sessions that had received "
        "them, the models made in those, and the versions that were made with them.",
        handler=consent.withdraw_consent,
        path_parameters=(DATASET,),
        body=NewWithdrawal,
        body_example={"subject": "p12345", "reason": "Withdrawn by the patient"},
        answers={200: Reply(description="The withdrawal.", schema=Withdrawal, example=examples.WITHDRAWAL)},
    ),
)
