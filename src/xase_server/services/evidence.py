"""One entry of the ledger, whatever its type, with its proof (docs/spec/api.md, section 7)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Raw
from msgspec.json import decode

from xase.proof.digest import format_digest, leaf_hash
from xase_server.domain.entries import Part
from xase_server.domain.errors import not_found
from xase_server.domain.ids import is_id
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import session_ref
from xase_server.ledger.read import receipt
from xase_server.ports import Reads
from xase_server.services.reading import Reader
from xase_server.services.views import View


class Evidence:
    """Shows the evidence of the caller's organisation, entry by entry."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def show(self, who: Principal, identifier: str) -> View:
        """The entry behind an id, its disclosed parts with their salts, an inclusion proof and a checkpoint."""

        def work(reads: Reads) -> View:
            found = _find(reads, who, identifier) if is_id(identifier) else None
            if found is None:
                raise not_found("evidence", identifier)
            _, raw, parts = found
            entry = decode(raw)
            return {
                "id": entry["id"],
                "type": entry["type"],
                "hash": format_digest(leaf_hash(raw)),
                **receipt(reads, raw),
                "disclosed": {
                    name: {"salt": part.salt.hex(), "value": Raw(part.canonical)} for name, part in parts.items()
                },
            }

        return await self._reader.point(work)


_ALIASED: Final = ("agg", "op", "batch", "transform")


def _find(reads: Reads, who: Principal, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
    """The entry behind an id, or behind one of evidence, of the caller's organisation or of a session on its data."""
    prefix, _, digits = identifier.partition("_")
    names = [f"{each}_{digits}" for each in _ALIASED] if prefix == "ev" else [identifier]
    entries = (reads.any_entry(name) for name in names)
    found = next((entry for entry in entries if entry is not None), None)
    return found if found is not None and who.organisation in _parties(reads, found[1]) else None


def _parties(reads: Reads, raw: bytes) -> set[str | None]:
    """Who may see an entry: its own organisation, and the holder of the data when it is of a session."""
    entry = decode(raw)
    kind, _, name = entry["stream"].partition("/")
    if kind != "session":
        return {name}
    session = reads.object(session_ref(name))
    return set() if session is None else {session.organisation, session.partner}
