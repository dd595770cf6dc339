"""What has been used (docs/spec/api.md, section 9)."""

from typing import Final

from xase_server.domain.principals import USAGE_READ
from xase_server.services.usage import GROUPINGS
from xase_server.web import examples_usage as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.examples import page_of
from xase_server.web.handlers import usage
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, Instant, Parameter
from xase_server.web.schemas_usage import UsageList

USAGE: Final = (
    Endpoint(
        method="GET",
        path="/v1/usage",
        name="list_usage",
        access=USAGE_READ,
        group="Usage",
        summary="Sum up what was used",
        description="Of the organisation's sessions, and others' on its datasets, by dataset, session, model or day. "
        "The period chooses sessions by when they began, and a sum has all that they have used since; hours count "
        "until `end_date`, or now. A model's row counts the operations recorded for it. Of days, UTC, the period "
        "chooses what happened in it, read from the ledger; bytes are kept of whole sessions only.",
        handler=usage.list_usage,
        parameters=(
            Parameter(
                name="group_by",
                kind=Choice(GROUPINGS),
                default="dataset",
                example="session",
                description="What each row sums up.",
            ),
            Parameter(
                name="start_date",
                kind=Instant(),
                example="2026-01-01",
                description="Only sessions that began at this instant or later; of days, what happened then. A bare "
                "date is its first moment, UTC.",
            ),
            Parameter(
                name="end_date",
                kind=Instant(end_of_day=True),
                example="2026-01-31",
                description="Only sessions that began before this instant; of days, what happened then. A bare date "
                "includes that whole day, UTC.",
            ),
            *PAGING,
        ),
        answers={200: Reply(description="A page of sums.", schema=UsageList, example=page_of(examples.DATASET, 1))},
        errors=("invalid_cursor",),
    ),
)
