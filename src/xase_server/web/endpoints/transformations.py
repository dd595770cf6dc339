"""Transformations of data records (docs/spec/api.md, section 6)."""

from typing import Final

from xase_server.domain.principals import SESSIONS_USE
from xase_server.domain.transformations import NewTransformation
from xase_server.web import examples_transformations as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.data import BARRED, SESSION_ID
from xase_server.web.handlers import transformations
from xase_server.web.schemas_data import Transformed

TRANSFORMATIONS: Final = (
    Endpoint(
        method="POST",
        path="/v1/sessions/{id}/transform",
        name="transform",
        access=SESSIONS_USE,
        group="Data in a session",
        summary="Transform data records",
        description="The records as the session sees them, transformed further: what the policy hides stays hidden, "
        "and where it changes a field at least as strongly its transform stands. Fields that do not exist or may not "
        "be seen are passed over. `evidence_url` gives the ledger entry. Each call is a reading of its own, also with "
        "an idempotency key.",
        handler=transformations.transform,
        path_parameters=(SESSION_ID,),
        body=NewTransformation,
        body_example=examples.NEW_TRANSFORMATION,
        answers={200: Reply(description="The records.", schema=Transformed, example=examples.TRANSFORMED)},
        errors=BARRED,
    ),
)
