"""Whose key is this? Only the SHA-256 of a key is stored.

Keys are 192 random bits: a slow hash would protect nothing and would be a way to exhaust the server.
"""

import hashlib
import hmac

from xase_server.domain.clock import Clock
from xase_server.domain.entries import ApiKeyRow
from xase_server.domain.errors import Refused
from xase_server.domain.principals import ROLES, Principal
from xase_server.services.reading import Reader


def digest_of(secret: str) -> bytes:
    """What is stored of a key, and what it is looked up by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def principal_of(row: ApiKeyRow) -> Principal:
    """The principal that a stored key stands for."""
    scopes = ROLES[row.role] if row.role is not None else frozenset(row.scopes)
    return Principal(row.organisation, row.id, row.email, row.role, scopes, frozenset(row.may_act_for))


class Authenticator:
    """Tells whose key a secret is.

    Remembers answers for at most `ttl_ms`, so that a revocation on another server holds here
    within that time; one made here holds at once (`forget`).
    """

    def __init__(self, reader: Reader, clock: Clock, *, ttl_ms: int = 1_000, capacity: int = 10_000) -> None:
        self._reader = reader
        self._clock = clock
        self._ttl_ms = ttl_ms
        self._capacity = capacity
        self._known: dict[bytes, tuple[int, ApiKeyRow, Principal]] = {}
        self.used_ms: dict[str, int] = {}

    async def principal(self, secret: str) -> Principal:
        """The principal of a working key; raises `authentication_error` for every other, with one message."""
        now_ms = self._clock.now_ms()
        digest = digest_of(secret)
        known = self._known.get(digest)
        if known is None or not 0 <= now_ms - known[0] < self._ttl_ms:
            known = await self._look_up(digest, now_ms)
        _, row, principal = known
        if not works(row, now_ms):
            raise not_valid()
        self.used_ms[row.id] = now_ms
        return principal

    async def _look_up(self, digest: bytes, now_ms: int) -> tuple[int, ApiKeyRow, Principal]:
        row = await self._reader.point(lambda reads: reads.key(digest))
        if row is None or not hmac.compare_digest(row.digest, digest):
            raise not_valid()
        if len(self._known) >= self._capacity:
            self._known.clear()
        known = (now_ms, row, principal_of(row))
        self._known[digest] = known
        return known

    def forget(self) -> None:
        """Ask the store again on the next request of every key."""
        self._known.clear()

    def take_used(self) -> dict[str, int]:
        """When each key was last used since the last call."""
        used, self.used_ms = self.used_ms, {}
        return used


def not_valid() -> Refused:
    """The one refusal of every key that does not work."""
    return Refused("authentication_error", "The API key is not valid: it is unknown, has expired or was revoked")


def works(row: ApiKeyRow, now_ms: int) -> bool:
    """Whether a key is neither revoked nor expired."""
    return row.revoked_ms is None and (row.expires_ms is None or now_ms < row.expires_ms)
