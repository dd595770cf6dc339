"""What the web layer is joined to: the use cases, and the bounds within which it accepts requests."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from xase_server.domain.clock import Clock
from xase_server.domain.principals import Principal
from xase_server.services.authentication import Authenticator
from xase_server.services.decisions import Decisions
from xase_server.services.interventions import Interventions
from xase_server.services.keys import Keys
from xase_server.services.outcome import Once, Outcome
from xase_server.services.views import View
from xase_server.domain.bundles import NewBundle


@dataclass(frozen=True, slots=True)
class Download:
    """A bundle on its way out: its size, its SHA-256 in hex, and its bytes in pieces."""

    size: int
    sha256: str
    chunks: AsyncIterator[bytes]


class Evidence(Protocol):
    """Entries with their proofs, and bundles of them (docs/spec/evidence.md)."""

    async def show(self, who: Principal, identifier: str) -> View:
        """The entry behind an id, its disclosed parts, an inclusion proof and a covering checkpoint."""
        ...

    async def create(self, who: Principal, wish: NewBundle, once: Once | None) -> Outcome:
        """A bundle, made and ledgered."""
        ...

    async def bundle(self, who: Principal, identifier: str) -> View: ...

    async def bundles(self, who: Principal, limit: int, offset: int) -> tuple[Sequence[View], int]: ...

    async def download(self, who: Principal, identifier: str) -> Download: ...

    async def verify(self, who: Principal, identifier: str) -> View:
        """The verdict on a stored bundle."""
        ...

    async def verify_upload(self, content: bytes) -> View:
        """The verdict on a bundle that somebody sent."""
        ...


class Log(Protocol):
    """The transparency log: checkpoint, proofs, tiles (C2SP tlog-tiles)."""

    async def checkpoint(self) -> str:
        """The newest signed note."""
        ...

    async def entries(self, who: Principal, start: int, limit: int) -> View:
        """The organisation's entries with index in order from `start` on: `{data, next_start, size}`."""
        ...

    async def inclusion(self, who: Principal, entry: str, size: int | None) -> View:
        """The inclusion proof of the caller's entry (id or index) in the tree of `size`."""
        ...

    async def consistency(self, first: int, second: int | None) -> View: ...

    async def tile(self, level: int, number: int, width: int) -> bytes:
        """A hash tile; raises `not_found` unless it is that wide."""
        ...

    async def entry_bundle(self, number: int, width: int) -> bytes: ...

    def signing_keys(self) -> View:
        """All public keys, past ones included."""
        ...


class Health(Protocol):
    """Whether the server can do its work now."""

    async def ready(self) -> View:
        """Where the ledger stands; raises `unavailable` when it cannot be written or read."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the endpoints."""

    decisions: Decisions
    interventions: Interventions
    keys: Keys
    authenticator: Authenticator
    evidence: Evidence
    log: Log
    health: Health
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one caller may send and ask for.

    `rate_limit` is in requests per minute and key, 0 for none; `cursor_secret` authenticates
    cursors and must be the same on every server of one store.
    """

    cursor_secret: bytes
    max_body_bytes: int = 1 << 20
    max_batch_bytes: int = 32 << 20
    body_timeout: float = 30.0
    rate_limit: int = 0
