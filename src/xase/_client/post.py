"""The way to the server for a courier: an exchange of its own, for its own thread."""

from typing import Any

import httpx2

from xase._client import wire
from xase._client._sync.exchange import Exchange
from xase._client.config import Config
from xase.errors import ConfigurationError, UnexpectedAnswer


class Borrowed(httpx2.BaseTransport):
    """A transport that somebody else will close."""

    def __init__(self, transport: httpx2.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass the request on."""
        return self._transport.handle_request(request)


def borrow(transport: object) -> httpx2.BaseTransport | None:
    """The client's transport, for use by a courier; None for the network.

    Raises ConfigurationError for one that cannot be used from a thread.
    """
    if transport is None:
        return None
    if isinstance(transport, httpx2.BaseTransport):
        return Borrowed(transport)
    raise ConfigurationError(
        "captured decisions are delivered by a thread: the transport must be a httpx2.BaseTransport as well"
    )


class Post:
    """Carries batches of captured decisions."""

    def __init__(self, config: Config, transport: httpx2.BaseTransport | None) -> None:
        self._exchange = Exchange(config, transport)

    def send(self, content: bytes, idempotency_key: str) -> None:
        """Deliver a batch; returning means that the server acknowledged it."""
        self._exchange.send(wire.Call("POST", "/records/batch", content=content, idempotency_key=idempotency_key))

    def organisation(self) -> str:
        """Whose the API key is."""
        identity: Any = self._exchange.send(wire.call("GET", "/whoami"))
        if not isinstance(identity, dict) or not isinstance(identity.get("organisation"), str):
            raise UnexpectedAnswer("the server did not say whose the API key is")
        return str(identity["organisation"])

    def close(self) -> None:
        """Give the connections back."""
        self._exchange.close()
