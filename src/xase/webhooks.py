"""Receiving webhooks: whether a message came from the server that shares the secret.

    event = xase.webhooks.verify(request.body, request.headers, secret)

Needs the light install only, no client and no network. Source: the Standard Webhooks specification.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xase.errors import UntrustedMessage
from xase.proof.webhook import SecretError, is_signed, parse_secret

TOLERANCE_SECONDS: Final = 300.0
"""How far a message's time may lie from the present: an old one may have been recorded and sent again."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: `id` is the same each time the message is sent, `data` holds the ids of what it is about."""

    id: str
    type: str
    timestamp: str
    data: Mapping[str, Any]


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Iterable[str],
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Event:
    """The event that the message carries.

    `body` are the bytes as they arrived, before any parsing. `secret` is `whsec_…`, or several while one
    replaces another. `now` is in seconds since 1970, by default the clock's. Raises UntrustedMessage when
    a header is missing, the message is older or newer than `tolerance` seconds, or no signature is by
    one of the secrets.
    """
    content = body.encode() if isinstance(body, str) else bytes(body)
    given = {name.lower(): value for name, value in headers.items()}
    identifier, timestamp, signatures = (_header(given, name) for name in ("id", "timestamp", "signature"))
    sent = _seconds(timestamp)
    if abs((time.time() if now is None else now) - sent) > tolerance:
        raise UntrustedMessage("the message was not sent just now")
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not any(is_signed(key, identifier, sent, content, signatures) for key in keys):
        raise UntrustedMessage("no signature is by this secret")
    return _event(identifier, content)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(f"webhook-{name}")
    if not value:
        raise UntrustedMessage(f"the header webhook-{name} is missing")
    return value


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(1 << 53))):
        raise UntrustedMessage("webhook-timestamp is not a number of seconds")
    return int(text)


def _key(secret: str) -> bytes:
    try:
        return parse_secret(secret)
    except SecretError as error:
        raise UntrustedMessage(str(error)) from None


def _event(identifier: str, content: bytes) -> Event:
    try:
        said = json.loads(content)
        return Event(identifier, said["type"], said["timestamp"], said["data"])
    except (ValueError, TypeError, KeyError):  # signed, but by a sender that is no Xase server
        raise UntrustedMessage("the message is not an event of a Xase server") from None
