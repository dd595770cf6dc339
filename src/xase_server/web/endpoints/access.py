"""Access sessions: asking for one, seeing them, ending them (docs/spec/api.md, section 5)."""

from dataclasses import replace
from typing import Final

from xase_server.domain.principals import ACCESS_REQUEST, ACCESS_REVOKE, SESSIONS_READ
from xase_server.domain.sessions import STATUSES, Ending, NewAccess
from xase_server.web import examples_access as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints.datasets import DATASET_ID
from xase_server.web.examples import page_of
from xase_server.web.handlers import access
from xase_server.web.pages import PAGING
from xase_server.web.parameters import Choice, Instant, Parameter, PathParameter, Text
from xase_server.web.schemas_access import RevokedSessions, Session, SessionList

_GROUP: Final = "Access"

SESSION_ID: Final = PathParameter(
    name="id", resource="session", description="The session's id.", example="sess_7f6e5d4c3b2a1908"
)

_FILTERS: Final = (
    Parameter(
        name="dataset_id", kind=Text(), example="ds_2b3c4d5e6f708192", description="Only sessions on this dataset."
    ),
    Parameter(
        name="status",
        kind=Choice(STATUSES),
        example="ACTIVE",
        description="Only sessions of this status; one whose time is over is `EXPIRED` at once.",
    ),
    Parameter(
        name="created_after",
        kind=Instant(),
        example="2026-01-01",
        description="Only sessions that began at this instant or later. A bare date is its first moment, UTC.",
    ),
    Parameter(
        name="created_before",
        kind=Instant(),
        example="2026-02-01",
        description="Only sessions that began before this instant. A bare date is its first moment, UTC.",
    ),
)

_REQUEST: Final = Endpoint(
    method="POST",
    path="/v1/access",
    name="request_access",
    access=ACCESS_REQUEST,
    group=_GROUP,
    summary="Ask for access to a dataset",
    description="The dataset's policy decides; the verdict, a denial too, is in the ledger before it is answered. The "
    "session pins one version of the dataset and the policy's terms: a stricter later policy holds at once, a looser "
    "one needs a new session. Without `duration` a session lasts as long as the policy allows.",
    handler=access.request_access,
    body=NewAccess,
    body_example=examples.REQUEST,
    answers={200: Reply(description="The session.", schema=Session, example=examples.SESSION)},
    errors=("not_found", "conflict", "policy_violation", "approval_required"),
)

_LIST: Final = Endpoint(
    method="GET",
    path="/v1/access",
    name="list_access",
    access=SESSIONS_READ,
    group=_GROUP,
    summary="List sessions",
    description="The organisation's own, and those of others on its datasets; newest first. `total` is exact.",
    handler=access.list_sessions,
    parameters=(*_FILTERS, *PAGING),
    answers={200: Reply(description="A page of sessions.", schema=SessionList, example=page_of(examples.SESSION))},
    errors=("invalid_cursor",),
)

_GET: Final = Endpoint(
    method="GET",
    path="/v1/access/{id}",
    name="get_access",
    access=SESSIONS_READ,
    group=_GROUP,
    summary="Get a session",
    description="With what it has used so far.",
    handler=access.get_session,
    path_parameters=(SESSION_ID,),
    answers={200: Reply(description="The session.", schema=Session, example=examples.USED)},
)

_CLOSE: Final = Endpoint(
    method="DELETE",
    path="/v1/access/{id}",
    name="close_access",
    access=ACCESS_REQUEST,
    group=_GROUP,
    summary="Close a session",
    description="By the organisation that uses it. Once this is answered nothing is delivered in it any more. Closing "
    "a session that has ended changes nothing.",
    handler=access.close_session,
    path_parameters=(SESSION_ID,),
    body=Ending,
    body_example={"reason": "Analysis complete"},
    body_required=False,
    answers={200: Reply(description="The session, ended.", schema=Session, example=examples.CLOSED)},
)

ACCESS: Final = (
    _REQUEST,
    replace(
        _REQUEST,
        path="/v1/sessions",
        name="create_session",
        alias_of=_REQUEST.path,
        summary="Ask for access to a dataset (alias)",
        description="The same as `POST /v1/access`.",
    ),
    _LIST,
    replace(
        _LIST,
        path="/v1/sessions",
        name="list_sessions",
        summary="List sessions (alias)",
        description="The same as `GET /v1/access`.",
    ),
    _GET,
    replace(
        _GET,
        path="/v1/sessions/{id}",
        name="get_session",
        summary="Get a session (alias)",
        description="The same as `GET /v1/access/{id}`.",
    ),
    _CLOSE,
    replace(
        _CLOSE,
        method="POST",
        path="/v1/sessions/{id}/close",
        name="close_session",
        summary="Close a session (alias)",
        description="The same as `DELETE /v1/access/{id}`.",
    ),
    Endpoint(
        method="POST",
        path="/v1/access/{id}/revoke",
        name="revoke_access",
        access=ACCESS_REVOKE,
        group=_GROUP,
        summary="Revoke a session",
        description="By the holder of its dataset. The revocation is an entry of the same ledger as deliveries: none "
        "follows it, and running streams are cut at the next batch. Revoking a session that has ended changes nothing.",
        handler=access.revoke_session,
        path_parameters=(SESSION_ID,),
        body=Ending,
        body_example={"reason": "Data holder has revoked access"},
        body_required=False,
        answers={200: Reply(description="The session, ended.", schema=Session, example=examples.REVOKED)},
    ),
    Endpoint(
        method="POST",
        path="/v1/datasets/{id}/revoke",
        name="revoke_dataset_access",
        access=ACCESS_REVOKE,
        group=_GROUP,
        summary="Revoke all sessions of a dataset",
        description="All that are open, together. Its policy still decides on new requests.",
        handler=access.revoke_sessions,
        path_parameters=(DATASET_ID,),
        body=Ending,
        body_example={"reason": "Data holder has revoked access"},
        body_required=False,
        answers={
            200: Reply(description="What ended.", schema=RevokedSessions, example=examples.REVOKED_ALL),
        },
    ),
)
