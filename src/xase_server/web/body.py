"""Bodies: read within bounds of size and time, parsed strictly, decoded into the endpoint's type."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Final, TypeVar

from msgspec import Struct, ValidationError, convert

from xase.proof.canonical import MAX_DEPTH, CanonicalError, parse_strict
from xase_server.domain.errors import Refused, invalid_field
from xase_server.domain.explanation import explain
from xase_server.web.asgi import Receive
from xase_server.web.endpoint import JSON, YAML, Endpoint

T = TypeVar("T")

_MAX_DIGITS: Final = 18
_TOLD: Final = {
    "number out of range": "number out of range: send integers beyond ±(2^53−1) as text",
    "nested too deeply": f"nested deeper than {MAX_DEPTH}",
}
"""What the reader of JSON says too shortly for a caller to mend it."""


class ClientGone(Exception):
    """The caller closed the connection before the request was complete."""


async def read_body(receive: Receive, headers: dict[bytes, bytes], *, limit: int, seconds: float) -> bytes:
    """All bytes of the body.

    Raises `payload_too_large` as soon as its announced or real size passes `limit`,
    `request_timeout` when it has not arrived in time, ClientGone when it never will.
    """
    refuse_announced(headers, limit)
    reading = _collect(receive, limit)
    try:
        waits_for = reading.send(None)
    except StopIteration as whole:  # most bodies come with their headers: no clock is set for what need not wait
        body: bytes = whole.value
        return body
    try:
        async with asyncio.timeout(seconds):
            return await _resume(reading, waits_for)
    except TimeoutError:
        raise Refused("request_timeout", "The body did not arrive in time", {"limit_seconds": seconds}) from None


@coroutine
def _resume(begun: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """What the coroutine gives that has begun and waits for this."""
    try:
        while True:
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's, that ends the waiting
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(sent)
    except StopIteration as done:
        result: T = done.value
        return result


def refuse_announced(headers: dict[bytes, bytes], limit: int) -> None:
    """Raise `payload_too_large` when the announced size passes the limit."""
    announced = headers.get(b"content-length", b"0")
    if len(announced) > _MAX_DIGITS or not announced.isdigit() or int(announced) > limit:
        raise too_large(limit)


async def _collect(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    more = message.get("more_body", False)
    if more:
        pieces = bytearray(body)
        while more and len(pieces) <= limit:
            message = await receive()
            pieces += message.get("body", b"")
            more = message.get("more_body", False)
        body = bytes(pieces)
    if message["type"] == "http.disconnect":
        raise ClientGone
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> Refused:
    """The refusal of a body beyond the limit."""
    return Refused("payload_too_large", f"The body may have at most {limit} bytes", {"limit_bytes": limit})


def media_type(endpoint: Endpoint, headers: dict[bytes, bytes]) -> str:
    """The media type of the body; raises `unsupported_media_type` for one the endpoint does not read."""
    encoding = headers.get(b"content-encoding")
    if encoding is None and headers.get(b"content-type") == b"application/json" and JSON in endpoint.accepted:
        return JSON
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise Refused("unsupported_media_type", "Compressed bodies are not read", {"accepted": ["identity"]})
    media, *options = headers.get(b"content-type", b"").decode("latin-1").lower().split(";")
    charset = [option.strip() for option in options if option.strip().startswith("charset=")]
    if media.strip() in endpoint.accepted and all(each in {"charset=utf-8", 'charset="utf-8"'} for each in charset):
        return media.strip()
    accepted = list(endpoint.accepted)
    raise Refused("unsupported_media_type", f"The body must be {' or '.join(accepted)}", {"accepted": accepted})


def parse_body(raw: bytes) -> Any:
    """The JSON value of a body; raises `validation_error` with the place of what is not I-JSON."""
    if not raw.strip():
        raise invalid_field("body", "Not JSON: the body is empty")
    try:
        return parse_strict(raw)
    except CanonicalError as error:
        raise invalid_field(error.path or "body", _sentence(error.reason)) from None


def _sentence(reason: str) -> str:
    told = _TOLD.get(reason, reason)
    return told[:1].upper() + told[1:]


def decode_body(value: Any, endpoint: Endpoint) -> Struct:
    """The value as the endpoint's type; raises `validation_error` naming all that is wrong with it."""
    kind = endpoint.body
    assert kind is not None, "an endpoint that reads documents says of which form"
    try:
        return convert(value, kind)
    except ValidationError as failure:
        raise explain(value, kind, failure) from None


def free_object(value: Any) -> dict[str, Any]:
    """The value, an object of the caller's own making; raises `validation_error` for anything else."""
    if not isinstance(value, dict):
        raise invalid_field("body", "Must be an object")
    return value


def is_document(media: str) -> bool:
    """Whether a body of this type is parsed."""
    return media in {JSON, YAML}
