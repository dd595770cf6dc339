"""Approvals: requests for access that wait for people (docs/spec/api.md, section 5)."""

from typing import Final

from xase_server.domain.approvals import STATUSES, Opinion
from xase_server.domain.principals import ACCESS_APPROVE, SESSIONS_READ
from xase_server.web import examples_approvals as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.examples import page_of
from xase_server.web.handlers import approvals
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, Parameter, PathParameter, Text
from xase_server.web.schemas_approvals import ApprovalRequest, ApprovalRequestList

_GROUP: Final = "Access"

APPROVAL_ID: Final = PathParameter(
    name="id", resource="approval", description="The request's id.", example="apr_3c2b1a0f9e8d7c6b"
)

_FILTERS: Final = (
    Parameter(
        name="dataset_id", kind=Text(), example="ds_2b3c4d5e6f708192", description="Only requests for this dataset."
    ),
    Parameter(
        name="status",
        kind=Choice(STATUSES),
        example="PENDING",
        description="Only requests of this status; one that nobody settled in time is `EXPIRED` at once.",
    ),
)

APPROVALS: Final = (
    Endpoint(
        method="GET",
        path="/v1/access/approvals",
        name="list_approvals",
        access=SESSIONS_READ,
        group=_GROUP,
        summary="List requests that wait for approval",
        description="The organisation's own, and for keys that may approve those of others on its datasets; newest "
        "first. `total` is exact.",
        handler=approvals.list_approvals,
        parameters=(*_FILTERS, *PAGING),
        answers={
            200: Reply(description="A page of requests.", schema=ApprovalRequestList, example=page_of(examples.WAITING))
        },
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/access/approvals/{id}",
        name="get_approval",
        access=SESSIONS_READ,
        group=_GROUP,
        summary="Get a request that waits for approval",
        description="With the votes so far. Those who asked do not see the names of those who decide.",
        handler=approvals.get_approval,
        path_parameters=(APPROVAL_ID,),
        answers={200: Reply(description="The request.", schema=ApprovalRequest, example=examples.WAITING)},
    ),
    Endpoint(
        method="POST",
        path="/v1/access/approvals/{id}/approve",
        name="approve_access",
        access=ACCESS_APPROVE,
        group=_GROUP,
        summary="Approve a request",
        description="One vote for each person, whose role the policy in force names; nobody decides on their own "
        "request. With the vote that completes the quorum it is `APPROVED`, and asking again opens the session.",
        handler=approvals.approve,
        path_parameters=(APPROVAL_ID,),
        body=Opinion,
        body_example={"reason": "The ethics board agrees"},
        body_required=False,
        answers={
            200: Reply(description="The request, with the vote.", schema=ApprovalRequest, example=examples.APPROVED)
        },
        errors=("policy_violation",),
    ),
    Endpoint(
        method="POST",
        path="/v1/access/approvals/{id}/deny",
        name="deny_access",
        access=ACCESS_APPROVE,
        group=_GROUP,
        summary="Deny a request",
        description="By those who could approve it; one vote against it is enough.",
        handler=approvals.deny,
        path_parameters=(APPROVAL_ID,),
        body=Opinion,
        body_example={"reason": "The purpose is too wide"},
        body_required=False,
        answers={200: Reply(description="The request, denied.", schema=ApprovalRequest, example=examples.DENIED)},
        errors=("policy_violation",),
    ),
)
