"""API keys (docs/spec/api.md, section 9)."""

from typing import Final

from xase_server.domain.api_keys import KeyRotation, NewKey
from xase_server.domain.principals import KEYS_READ, KEYS_WRITE
from xase_server.web import examples
from xase_server.web.endpoint import ANY_KEY, Endpoint, Reply
from xase_server.web.handlers import keys
from xase_server.web.pages import PAGING
from xase_server.web.parameters import PathParameter
from xase_server.web.schemas import Caller, CreatedKey, Key, KeyList

_GROUP: Final = "API keys"
_LOCATION: Final = {"Location": "The address of the new object."}

KEY_ID: Final = PathParameter(
    name="id", resource="key", description="The key's id, not its secret.", example="key_5b1f0c9d2e3a4b5c"
)

KEYS: Final = (
    Endpoint(
        method="POST",
        path="/v1/keys",
        name="create_key",
        access=KEYS_WRITE,
        group=_GROUP,
        summary="Make an API key",
        description="With a role or an explicit list of scopes; never with more rights than the key that makes it. "
        "The secret is shown in this answer only.",
        handler=keys.create_key,
        body=NewKey,
        body_example={"name": "scoring service", "email": "scoring@example.com", "role": "ai_lab"},
        answers={
            201: Reply(
                description="The key and its secret.",
                schema=CreatedKey,
                example=examples.CREATED_KEY,
                headers=_LOCATION,
            )
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/keys",
        name="list_keys",
        access=KEYS_READ,
        group=_GROUP,
        summary="List API keys",
        description="Newest first, without their secrets.",
        handler=keys.list_keys,
        parameters=PAGING,
        answers={200: Reply(description="A page of keys.", schema=KeyList, example=examples.page_of(examples.KEY, 1))},
        errors=("invalid_cursor",),
    ),
    Endpoint(
        method="GET",
        path="/v1/keys/{id}",
        name="get_key",
        access=KEYS_READ,
        group=_GROUP,
        summary="Get an API key",
        description="Without its secret.",
        handler=keys.get_key,
        path_parameters=(KEY_ID,),
        answers={200: Reply(description="The key.", schema=Key, example=examples.KEY)},
    ),
    Endpoint(
        method="DELETE",
        path="/v1/keys/{id}",
        name="revoke_key",
        access=KEYS_WRITE,
        group=_GROUP,
        summary="Revoke an API key",
        description="At once on this server, within a second on every other. Revoking again changes nothing.",
        handler=keys.revoke_key,
        path_parameters=(KEY_ID,),
        answers={
            200: Reply(
                description="The key, no longer working.",
                schema=Key,
                example={**examples.KEY, "revoked_at": "2025-02-01T00:00:00.000Z"},
            )
        },
    ),
    Endpoint(
        method="POST",
        path="/v1/keys/{id}/rotate",
        name="rotate_key",
        access=KEYS_WRITE,
        group=_GROUP,
        summary="Rotate an API key",
        description="A new key with the same rights. The old one goes on working for the grace period. A key that was "
        "revoked or rotated before is a `conflict`.",
        handler=keys.rotate_key,
        path_parameters=(KEY_ID,),
        body=KeyRotation,
        body_example={"grace": "24h"},
        body_required=False,
        answers={
            201: Reply(
                description="The new key and its secret.",
                schema=CreatedKey,
                example=examples.CREATED_KEY,
                headers=_LOCATION,
            )
        },
        errors=("conflict",),
    ),
    Endpoint(
        method="GET",
        path="/v1/whoami",
        name="whoami",
        access=ANY_KEY,
        group=_GROUP,
        summary="See whose key this is",
        handler=keys.whoami,
        answers={200: Reply(description="The caller.", schema=Caller, example=examples.CALLER)},
    ),
)
