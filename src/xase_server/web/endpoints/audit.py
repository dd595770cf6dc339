"""The audit trail (docs/spec/api.md, section 9)."""

from typing import Final

from xase_server.domain.principals import AUDIT_READ
from xase_server.web import examples_audit as examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.handlers import audit
from xase_server.web.parameters import End, Instant, Integer, Parameter, Text
from xase_server.web.schemas_audit import AuditPage

_PARAMETERS: Final = (
    Parameter(name="type", kind=Text(), example="access_revoked", description="Only entries of this type."),
    Parameter(
        name="object",
        kind=Text(),
        example="sess_7f6e5d4c3b2a1908",
        description="Only the entry with this id, those of this session, and those whose body names this id.",
    ),
    Parameter(
        name="actor",
        kind=Text(),
        example="key_1a2b3c4d5e6f7081",
        description="Only what this key of the organisation did.",
    ),
    Parameter(
        name="start_date",
        kind=Instant(),
        example="2026-01-01",
        description="From this instant on. A bare date is its first moment, UTC.",
    ),
    Parameter(
        name="end_date",
        kind=End(),
        example="2026-01-31",
        description="Up to and with this instant. A bare date includes that whole day, UTC.",
    ),
    Parameter(name="limit", kind=Integer(1, 100), default=20, example=20, description="How many entries at most."),
    Parameter(
        name="cursor",
        kind=Text(128),
        example="AQAAAAAAAAAUAAAAAAAAABQ…",
        description="`next_cursor` of the page before, with the same filters.",
    ),
)

AUDIT: Final = (
    Endpoint(
        method="GET",
        path="/v1/audit",
        name="list_audit",
        access=AUDIT_READ,
        group="Audit",
        summary="Read who did what",
        description="The organisation's entries, newest first: of its administration, its decisions, its sessions, and "
        "others' sessions on its datasets. Go on with `cursor` until `next_cursor` is null: a page looks at a "
        "bounded number of entries and may hold fewer than `limit` where little is wanted. By `Accept: "
        "application/x-ndjson`, or `text/csv`, all are streamed.",
        handler=audit.list_audit,
        parameters=_PARAMETERS,
        answers={
            200: Reply(
                description="Entries.",
                schema=AuditPage,
                example=examples.PAGE,
                also={
                    "application/x-ndjson": '{"id": "evt_0a1b2c3d4e5f6071", "type": "access_revoked"}\n',
                    "text/csv": "id,type,time,index,stream,sequence,hash,organisation,key,body\n",
                },
            )
        },
        errors=("invalid_cursor",),
    ),
)
