"""The signature of a webhook's message (the Standard Webhooks specification, symmetric scheme `v1`)."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"


class SecretError(ValueError):
    """The text is not a webhook's secret."""


def format_secret(key: bytes) -> str:
    """The key as a receiver is given it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(key).decode()


def parse_secret(secret: str) -> bytes:
    """The key behind `whsec_…`; the prefix may be missing. Raises SecretError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not key:
        raise SecretError("a webhook's secret is `whsec_` and base64")
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,` and base64; `timestamp` is in seconds since 1970 UTC."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return _VERSION + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def is_signed(key: bytes, message_id: str, timestamp: int, body: bytes, signatures: str) -> bool:
    """Whether one of the signatures, separated by spaces, is this key's; how long it takes says nothing of the key."""
    expected = sign(key, message_id, timestamp, body).encode()
    given = [each.encode() for each in signatures.split(" ")]
    return any(hmac.compare_digest(expected, each) for each in given)
