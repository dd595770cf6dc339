"""One request on its way through the pipeline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from xase_server.domain.principals import Principal
from xase_server.services.outcome import Once
from xase_server.web.asgi import Receive, Scope
from xase_server.web.endpoint import Endpoint
from xase_server.web.idempotency import settled
from xase_server.web.rates import Quota
from xase_server.web.upload import Upload

if TYPE_CHECKING:
    from xase_server.web.services import Services
    from xase_server.web.site import Site


class Call(Struct, eq=False):
    """What is known of a request so far; a handler finds everything in place.

    `path` and `query` hold read and checked parameters, `body` the decoded body (a struct of the
    endpoint's `body` type, a free object, or bytes of its `upload` type). `upload` gives a body that
    is still to be read; its idempotency key is in `once`, its digest not yet.
    """

    scope: Scope
    receive: Receive
    request_id: str
    site: "Site"
    headers: dict[bytes, bytes] = field(default_factory=dict)
    endpoint: Endpoint | None = None
    path: dict[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    principal: Principal | None = None
    quota: Quota | None = None
    body: Any = None
    upload: Upload | None = None
    once: Once | None = None

    @property
    def services(self) -> "Services":
        """The use cases."""
        return self.site.services

    @property
    def who(self) -> Principal:
        """The caller; only endpoints that need a key have one."""
        assert self.principal is not None, "a public endpoint has no principal"
        return self.principal

    @property
    def base_url(self) -> str:
        """The server's public address, without a slash at its end."""
        if self.site.base_url:
            return self.site.base_url.rstrip("/")
        host = self.headers.get(b"host", b"").decode("latin-1")
        return f"{self.scope.get('scheme', 'http')}://{host}" if host else ""

    def once_of(self, *said: str) -> Once | None:
        """The wish that this upload takes effect once, for what was sent as its digest and parameters say."""
        return None if self.once is None else settled(self.once, said)

    def accepts(self, media: bytes) -> bool:
        """Whether the caller asks for this media type by name."""
        accept = self.headers.get(b"accept")
        return accept is not None and media in accept

    def accepts_encoding(self, coding: bytes) -> bool:
        """Whether the caller asks for this content coding by name, and not to leave it."""
        listed = self.headers.get(b"accept-encoding", b"").lower().split(b",")
        named = [each.partition(b";") for each in listed]
        return any(name.strip() == coding and quality.strip() not in {b"q=0", b"q=0.0"} for name, _, quality in named)
