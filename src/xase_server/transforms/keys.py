"""The keys of transforms: derived, never stored (docs/spec/policy.md, section 3).

HKDF-SHA256 (RFC 5869) of the master key. The derivation names all that a key depends on: its use, the
organisation that holds the data, the dataset, the domain and, in the domain `grant`, the session.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from xase.proof.canonical import canonical
from xase.proof.keys import derive_key
from xase_server.transforms.specs import Domain

VERSION: Final = 1
"""Of the derivation."""

_ID_BYTES: Final = 8


class Masters:
    """The master keys of a server, oldest first; the last is in use.

    A session keeps the one that it began with, so that its values are the same to its end.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._by_name = {_name(each): each for each in secrets}
        self._first = secrets[0]
        self.current: Final = _name(secrets[-1])
        """The name of the one that new sessions begin with: 16 hex digits, of which it cannot be found out."""

    def named(self, name: str | None) -> bytes:
        """One of them, without a name the first; raises LookupError when this server does not have it."""
        if name is None:
            return self._first
        return self._by_name[name]

    def __iter__(self) -> Iterator[bytes]:
        """The newest first."""
        return reversed(self._by_name.values())


def _name(master: bytes) -> str:
    return derive_key(master, canonical({"format": "xase.master-key", "version": VERSION}), _ID_BYTES).hex()


@dataclass(frozen=True, slots=True)
class Keys:
    """Derives the keys of one session on one dataset."""

    master: bytes = field(repr=False)
    organisation: str
    dataset_id: str
    session_id: str
    version: int = VERSION
    asked: bool = False
    """For what a session asks for on top: were its keys the policy's, it could look up what the policy hides."""

    def key(self, use: str, domain: Domain, length: int = 32) -> bytes:
        """So many bytes for one use, so that no use says anything of another's."""
        return derive_key(self.master, self._info("key", use, domain), length)

    def key_id(self, use: str, domain: Domain) -> str:
        """What answers and ledger entries may say of a key: 16 hex digits, of which it cannot be found out."""
        return derive_key(self.master, self._info("id", use, domain), _ID_BYTES).hex()

    def _info(self, what: str, use: str, domain: Domain) -> bytes:
        named = {
            "format": "xase.transform-key",
            "version": self.version,
            "what": what,
            "use": use,
            "organisation": self.organisation,
            "dataset": self.dataset_id,
            "domain": domain,
        }
        session = {"session": self.session_id} if domain == "grant" else {}
        return canonical(named | session | ({"asked": True} if self.asked else {}))
