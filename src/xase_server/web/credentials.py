"""The API key of a request, from either header of the source document."""

from typing import Final

from xase_server.domain.errors import Refused
from xase_server.web.asgi import Scope

_CREDENTIALS: Final = (b"authorization", b"x-api-key")
_SINGLE: Final = (*_CREDENTIALS, b"content-type", b"content-length", b"content-encoding", b"idempotency-key")


def single_headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by lower-case name.

    Those that decide who calls, how the body is read or whether it counts twice must not be given
    more than once: `validation_error` otherwise.
    """
    listed = scope["headers"]
    headers = dict(listed)
    if len(headers) != len(listed):
        names = [name for name, _ in listed]
        for name in _SINGLE:
            if names.count(name) > 1:
                raise _twice(name)
    return headers


def _twice(name: bytes) -> Refused:
    title = name.decode().title()
    details = [{"field": title, "message": "Given more than once"}]
    return Refused("validation_error", "Invalid header", details)


def secret_of(headers: dict[bytes, bytes]) -> str:
    """The key that the caller presents; raises `authentication_error` for none, or two that differ."""
    bearer = headers.get(b"authorization")
    plain = headers.get(b"x-api-key")
    if bearer is None:
        if plain is None:
            raise Refused("authentication_error", "No API key: send Authorization: Bearer KEY, or X-API-Key: KEY")
        return _text(plain)
    scheme, _, secret = bearer.partition(b" ")
    secret = secret.strip()
    if scheme.lower() != b"bearer" or not secret:
        raise Refused("authentication_error", "The Authorization header must be: Bearer KEY")
    if plain is not None and plain.strip() != secret:
        raise Refused("authentication_error", "The two API keys of this request differ")
    return _text(secret)


def _text(secret: bytes) -> str:
    text = secret.strip().decode("latin-1")
    if not text:
        raise Refused("authentication_error", "The API key is empty")
    return text
