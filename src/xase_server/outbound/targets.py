"""Where messages may be sent: public addresses only, so that nobody makes this server speak to its own neighbours.

A name is resolved here, once for each message, and the connection goes to the very address that was
judged: a name that leads elsewhere a moment later leads nowhere.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from xase_server.ports import Undelivered

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_PORTS: Final = {"https": 443, "http": 80}
_LONGEST_NAME: Final = 253
_NAMES_AT_ONCE: Final = 16

# Public by the register, yet they lead to whatever IPv4 address stands in them.
_WRAPPING: Final = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart; `host` is as the certificate must name it, `path` has the query with it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def read_target(url: str, *, plain: bool) -> Target:
    """The target that the URL names; raises Undelivered for another form, and for `http` unless `plain`."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _refused("Must be visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("Must be a URL") from None
    if parts.scheme not in ({"https", "http"} if plain else {"https"}):
        raise _refused("Must begin with https://")
    if "@" in parts.netloc:
        raise _refused("Must not name a user")
    if "#" in url or "\\" in url:
        raise _refused("Must not have a fragment or backslashes")
    host = (parts.hostname or "").rstrip(".")
    if not host or len(host) > _LONGEST_NAME or "%" in host or port == 0:
        raise _refused("Must name a host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


async def find_addresses(target: Target, allowed: Sequence[Network], resolve: Resolve) -> Sequence[str]:
    """The addresses of the target, all of which may be reached; raises Undelivered otherwise."""
    try:
        found = await resolve(target.host, target.port)
    except (OSError, UnicodeError):
        raise Undelivered("address", "The name has no address") from None
    addresses = [ip_address(each) for each in found]
    if not addresses:
        raise Undelivered("address", "The name has no address")
    if not all(may_reach(each, allowed) for each in addresses):
        raise _refused("Must not lead to a private or special address")
    return [str(each) for each in addresses]


def may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the address is one of the public internet, or of a network that the operator named."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None or address.scope_id is not None or address.is_site_local:
            return False
        if any(address in network for network in _WRAPPING):
            return False
    special = (
        address.is_private,
        address.is_loopback,
        address.is_link_local,
        address.is_multicast,
        address.is_reserved,
        address.is_unspecified,
    )
    return address.is_global and not any(special)


class SystemNames:
    """All addresses of a name, as the system finds them.

    On threads of their own: a name server that never answers must not keep the rest of this server waiting.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_NAMES_AT_ONCE, "xase-names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Each address once; raises OSError when there is none."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(each[4][0]) for each in found))


def _refused(message: str) -> Undelivered:
    return Undelivered("address", message)
