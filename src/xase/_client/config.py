"""What a client is made of: where the server is, who is calling, and every limit."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import urlsplit

from xase.errors import ConfigurationError

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8000"
VERSION_PATH: Final = "/v1"

Seconds = float


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take to connect, and then between two reads."""

    connect: Seconds = 5.0
    read: Seconds = 30.0


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """What the local spool may hold, and how it is emptied."""

    items: int = 100_000  # waiting and rejected together
    bytes: int = 256 * 2**20
    item_bytes: int = 1_000_000  # one decision, encoded
    batch_items: int = 500
    batch_bytes: int = 1_500_000
    exit_flush: Seconds = 2.0  # how long close() and the interpreter's end wait for delivery


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a client was told, checked. Made by `configure`; its repr hides the key."""

    api_key: str = field(repr=False)
    base_url: str
    timeouts: Timeouts = field(default_factory=Timeouts)
    deadline: Seconds | None = 120.0
    max_retries: int = 4
    checkpoint_store: Path | None = None
    log_key: str | os.PathLike[str] | None = None  # text or file
    spool: Path | None = None
    spool_limits: SpoolLimits = field(default_factory=SpoolLimits)

    @property
    def root_url(self) -> str:
        """The server's address without the version."""
        return self.base_url.removesuffix(VERSION_PATH)

    @property
    def key_fingerprint(self) -> str:
        """What tells this key from others on this machine without giving it away."""
        return sha256(b"xase/key-fingerprint\n" + self.api_key.encode()).hexdigest()[:16]

    @property
    def spool_path(self) -> Path:
        """The spool that was named, else one of this user's for this server."""
        if self.spool is not None:
            return self.spool
        name = sha256(self.base_url.encode()).hexdigest()[:12]
        return state_folder(os.environ) / f"spool-{name}.db"


class Options(TypedDict, total=False):
    """What `Client.local` lets its caller choose."""

    timeout: Seconds | tuple[Seconds, Seconds] | None
    deadline: Seconds | None
    max_retries: int
    checkpoint_store: str | os.PathLike[str] | None
    log_key: str | os.PathLike[str] | None
    spool: str | os.PathLike[str] | None
    spool_limits: SpoolLimits | None


def configure(
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    timeout: Seconds | tuple[Seconds, Seconds] | None = None,
    deadline: Seconds | None = 120.0,
    max_retries: int = 4,
    checkpoint_store: str | os.PathLike[str] | None = None,
    log_key: str | os.PathLike[str] | None = None,
    spool: str | os.PathLike[str] | None = None,
    spool_limits: SpoolLimits | None = None,
    environment: Mapping[str, str],
) -> Config:
    """The configuration from arguments, then the environment, then defaults.

    Raises ConfigurationError for a missing key or a malformed value.
    """
    key = api_key or environment.get("XASE_API_KEY", "")
    if not key:
        raise ConfigurationError("no API key: pass api_key= or set XASE_API_KEY")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key holds characters that no key has")
    if max_retries < 0 or (deadline is not None and deadline <= 0):
        raise ConfigurationError("max_retries is at least 0 and deadline is more than 0 seconds")
    return Config(
        api_key=key,
        base_url=normalise(base_url or environment.get("XASE_BASE_URL") or DEFAULT_BASE_URL),
        timeouts=_timeouts(timeout),
        deadline=deadline,
        max_retries=max_retries,
        checkpoint_store=_path(checkpoint_store or environment.get("XASE_STATE")),
        log_key=log_key or environment.get("XASE_LOG_KEY"),
        spool=_path(spool or environment.get("XASE_SPOOL")),
        spool_limits=spool_limits or SpoolLimits(),
    )


def normalise(base_url: str) -> str:
    """The base address without a trailing slash and with `/v1` at its end, once."""
    parts = urlsplit(base_url.strip())
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
        raise ConfigurationError("base_url must look like https://host[:port], without credentials or query")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}" + ("" if path.endswith(VERSION_PATH) else VERSION_PATH)


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's programs keep what must outlive them (XDG base directories)."""
    named = environment.get("XDG_STATE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state") / "xase"


def _timeouts(timeout: Seconds | tuple[Seconds, Seconds] | None) -> Timeouts:
    if timeout is None:
        return Timeouts()
    connect, read = timeout if isinstance(timeout, tuple) else (min(timeout, Timeouts().connect), timeout)
    if connect <= 0 or read <= 0:
        raise ConfigurationError("a timeout is more than 0 seconds")
    return Timeouts(connect, read)


def _path(name: str | os.PathLike[str] | None) -> Path | None:
    return None if not name else Path(name).expanduser()
