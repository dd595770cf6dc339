"""API keys and who they stand for."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Model


class ApiKey(Model):
    """An API key without its secret; `display` is the part that may be shown."""

    __slots__ = ()

    id: str
    name: str
    email: str
    role: str | None
    scopes: Sequence[str]
    may_act_for: Sequence[str] | None
    display: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    rotated_to: str | None


class NewApiKey(ApiKey):
    """An API key at the one moment when its secret can be read: `key`. Its repr hides it."""

    __slots__ = ()
    _secret: ClassVar = frozenset({"key"})

    key: str


class Identity(Model):
    """Who the server takes the caller for."""

    __slots__ = ()

    organisation: str
    key_id: str
    email: str
    role: str | None
    scopes: Sequence[str]
    may_act_for: Sequence[str]
