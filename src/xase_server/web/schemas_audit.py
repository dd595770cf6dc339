"""The shapes of answers about who did what, for the OpenAPI file."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from xase_server.web.schemas import Count, Digest, Json, Time


class Actor(Struct):
    """Whose key acted; `key` is there for the organisation's own."""

    organisation: str
    key: str | UnsetType = UNSET


class AuditEntry(Struct):
    """An entry of the ledger, without its payload parts."""

    id: str
    type: str
    time: Time
    index: Count
    sequence: Count
    stream: str
    hash: Digest
    actor: Actor
    body: Json


class AuditPage(Struct):
    """Entries, newest first; a page may hold fewer than asked for although more follow."""

    data: list[AuditEntry]
    next_cursor: Annotated[str | None, Meta(description="Null at the end.")]
