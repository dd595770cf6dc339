"""The path of every request: address, key, quota, scope, parameters, body, idempotency key, handler.

Each step either adds to the call or raises `Refused`. Deny by default: an address that is not in
the table does not exist, and an endpoint that does not say PUBLIC needs a key.
"""

import asyncio
from typing import Any, Final

from xase_server.domain.errors import Refused, invalid_field, not_found
from xase_server.web.answer import Answer
from xase_server.web.body import (
    decode_body,
    free_object,
    is_document,
    media_type,
    parse_body,
    read_body,
    refuse_announced,
)
from xase_server.web.call import Call
from xase_server.web.credentials import secret_of
from xase_server.web.endpoint import JSON, Endpoint
from xase_server.web.idempotency import InFlight, agreed_key, once
from xase_server.web.parameters import read_query
from xase_server.web.rates import Rates
from xase_server.web.router import Router, allowed
from xase_server.web.services import Bounds
from xase_server.web.upload import Upload

_PATH_SHOWN: Final = 256
_LARGE: Final = 1 << 18  # a body that takes longer to read than others should wait


class Pipeline:
    """Takes a call from its address to its handler's answer."""

    def __init__(self, router: Router, rates: Rates, bounds: Bounds) -> None:
        self._router = router
        self._rates = rates
        self._bounds = bounds
        self._in_flight = InFlight()

    async def run(self, call: Call) -> Answer:
        """The handler's answer; raises `Refused` for what the table or a handler refuses."""
        endpoint = self._find(call)
        if endpoint is None:
            return self._options(call)
        await self._admit(call, endpoint)
        for parameter in endpoint.path_parameters:
            if not parameter.names_something(call.path[parameter.name]):
                raise not_found(parameter.resource, call.path[parameter.name][:_PATH_SHOWN])
        query = call.scope.get("query_string")
        asked = query or endpoint.needs_query
        call.query = (
            read_query(query or b"", endpoint.known_parameters, endpoint.defaults) if asked else endpoint.defaults
        )
        if endpoint.writes:
            if endpoint.streams:
                self._await_body(call, endpoint)
            else:
                await self._take_body(call, endpoint)
            if call.once is not None:
                with self._in_flight.hold(call.once):
                    return await endpoint.handler(call)
        return await endpoint.handler(call)

    def _find(self, call: Call) -> Endpoint | None:
        """The endpoint, or None for OPTIONS."""
        methods, call.path = self._router.find(call.scope["path"], call.scope.get("raw_path"))
        if not methods:
            raise not_found("path", call.scope["path"][:_PATH_SHOWN].encode(errors="replace").decode())
        method = call.scope["method"]
        call.endpoint = methods.get("GET" if method == "HEAD" else method)
        if call.endpoint is None and method != "OPTIONS":
            raise Refused(
                "method_not_allowed", f"Allowed here: {allowed(methods)}", {"allowed": allowed(methods).split(", ")}
            )
        return call.endpoint

    def _options(self, call: Call) -> Answer:
        self.count_address(call)
        methods, _ = self._router.find(call.scope["path"], call.scope.get("raw_path"))
        return Answer(status=204, headers=[(b"allow", allowed(methods).encode())])

    async def _admit(self, call: Call, endpoint: Endpoint) -> None:
        """Whose call it is, whether there is quota left, and whether the key may do this."""
        if endpoint.public:
            self.count_address(call)
            return
        who = call.principal = await call.services.authenticator.principal(secret_of(call.headers))
        if self._rates.limited:
            call.quota = self._rates.take(who.key_id)
            if call.quota.exceeded:
                raise call.quota.refusal()
        if endpoint.scope is not None and endpoint.scope not in who.scopes:
            raise Refused(
                "authorization_error", f"This needs the scope {endpoint.scope}", {"required_scope": endpoint.scope}
            )

    def count_address(self, call: Call) -> None:
        """Count a call without a known key against the address it comes from."""
        if not self._rates.limited:
            return
        client = call.scope.get("client")
        counted = call.endpoint is None or call.endpoint.counted
        call.quota = self._rates.take(client[0] if client else "local", cost=int(counted))
        if counted and call.quota.exceeded:
            raise call.quota.refusal()

    def _await_body(self, call: Call, endpoint: Endpoint) -> None:
        """Make ready to read a body that only the handler will read, and find the idempotency key."""
        media_type(endpoint, call.headers)
        limit = self._bounds.max_upload_bytes
        refuse_announced(call.headers, limit)
        call.upload = Upload(call.receive, limit=limit, seconds=self._bounds.body_timeout)
        key = agreed_key(call.headers.get(b"idempotency-key"), None)
        if key is not None:
            call.once = once(call.who, endpoint, call.path, b"", key)

    async def _take_body(self, call: Call, endpoint: Endpoint) -> None:
        """Read, parse and decode the body, and find the idempotency key."""
        headers = call.headers
        raw = b""
        if b"content-length" in headers or b"transfer-encoding" in headers:
            limit = self._bounds.max_batch_bytes if endpoint.large else self._bounds.max_body_bytes
            raw = await read_body(call.receive, headers, limit=limit, seconds=self._bounds.body_timeout)
        if len(raw) > _LARGE:
            content = await asyncio.to_thread(self._decode, call, endpoint, raw)
        else:
            content = self._decode(call, endpoint, raw)
        in_body = content.get("idempotency_key") if endpoint.key_in_body and not isinstance(content, bytes) else None
        header = headers.get(b"idempotency-key")
        if header is None and in_body is None:
            return
        key = agreed_key(header, in_body)
        if key is not None and call.principal is not None:
            call.once = once(call.principal, endpoint, call.path, content, key)

    @staticmethod
    def _decode(call: Call, endpoint: Endpoint, raw: bytes) -> bytes | dict[str, Any]:
        """Fill `call.body`; answers what the request's digest is taken over."""
        if not endpoint.accepted:
            if raw:
                raise invalid_field("body", "This endpoint takes no body")
            return {}
        if not raw and (not endpoint.body_required or b"content-type" not in call.headers):
            value: Any = {}  # what is missing is told by name
        else:
            media = media_type(endpoint, call.headers)
            if not is_document(media):
                call.body = raw
                return raw
            value = parse_body(raw) if media == JSON else _parse_yaml(raw)
        if endpoint.bare_field is not None and isinstance(value, list):
            value = {endpoint.bare_field: value}
        call.body = free_object(value) if endpoint.forms else decode_body(value, endpoint)
        content: dict[str, Any] = value  # what was decoded into a struct is an object
        return content


def _parse_yaml(raw: bytes) -> Any:
    """Few bodies are YAML, and its parser takes long to import."""
    from xase_server.web.yamlish import parse_yaml

    return parse_yaml(raw)
