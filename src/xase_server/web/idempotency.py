"""Idempotency keys: how one is read, what it is bound to, and that only one request at a time uses it.

Source: docs/spec/api.md, section 1. What an earlier request answered is kept by the ledger, in the
transaction of its effect; here is only what the web must know.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from xase.proof.canonical import canonical
from xase_server.domain.errors import Refused, invalid_field
from xase_server.domain.principals import Principal
from xase_server.services.outcome import Once
from xase_server.web.endpoint import Endpoint

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_FORM: Final = "Must have 1 to 255 visible ASCII characters"


def agreed_key(header: bytes | None, field: Any) -> str | None:
    """The key of a request that may carry one in its header, in its body, or equally in both."""
    sent = None if header is None else header.decode("latin-1")
    if sent is not None and not _KEY.fullmatch(sent):
        raise invalid_field("Idempotency-Key", _FORM, summary="Invalid header")
    if field is None:
        return sent
    if not isinstance(field, str) or not _KEY.fullmatch(field):
        raise invalid_field("idempotency_key", _FORM)
    if sent is not None and sent != field:
        raise invalid_field("idempotency_key", "Must agree with the Idempotency-Key header")
    return field


def once(who: Principal, endpoint: Endpoint, path: dict[str, str], body: bytes | dict[str, Any], key: str) -> Once:
    """The wish that this request takes effect once.

    Keys of different organisations and API keys never meet. The digest covers method, route, path
    parameters and body; whether a receipt is asked for is no part of it.
    """
    content = body if isinstance(body, bytes) else _digestible(body)
    place = canonical([endpoint.route, path])
    digest = sha256(b"%d\n%b%b" % (len(place), place, content)).digest()
    return Once(f"{who.organisation}/{who.key_id}", key, digest)


def settled(wish: Once, said: Iterable[str]) -> Once:
    """The wish of an upload once its content is known: `said` are its digest and its parameters."""
    return replace(wish, request=sha256(wish.request + canonical(list(said))).digest())


def _digestible(body: dict[str, Any]) -> bytes:
    return canonical({name: value for name, value in body.items() if name != "idempotency_key"})


class InFlight:
    """The idempotency keys whose first request this process is still answering."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, wish: Once) -> Iterator[None]:
        """Own the key while the request runs; raises `idempotency_in_progress` when another does."""
        name = (wish.scope, wish.key)
        if name in self._keys:
            raise Refused(
                "idempotency_in_progress",
                "A request with this idempotency key is still running",
                {"idempotency_key": wish.key},
            )
        self._keys.add(name)
        try:
            yield
        finally:
            self._keys.discard(name)
