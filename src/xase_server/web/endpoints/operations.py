"""Operations on data of a session (docs/spec/api.md, section 6)."""

from typing import Final

from xase_server.domain.operations import NewOperation
from xase_server.domain.principals import SESSIONS_USE
from xase_server.web import examples_data as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.data import BARRED, SESSION_ID
from xase_server.web.handlers import operations
from xase_server.web.schemas_data import Operation

OPERATIONS: Final = (
    Endpoint(
        method="POST",
        path="/v1/sessions/{id}/operations",
        name="record_operation",
        access=SESSIONS_USE,
        group="Data in a session",
        summary="Record an operation",
        description="What was done with the data: training, analysis, validation. The records, or the batches, that it "
        "names are checked against what the session has received; `reconciliation` says what came of it.",
        handler=operations.record_operation,
        path_parameters=(SESSION_ID,),
        body=NewOperation,
        body_example=examples.NEW_OPERATION,
        answers={200: Reply(description="The operation.", schema=Operation, example=examples.OPERATION)},
        errors=BARRED,
    ),
)
