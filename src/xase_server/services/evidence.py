"""One entry of the ledger, whatever its type, with its proof (docs/spec/api.md, section 7)."""

from msgspec import Raw
from msgspec.json import decode

from xase.proof.digest import format_digest, leaf_hash
from xase_server.domain.errors import not_found
from xase_server.domain.ids import is_id
from xase_server.domain.principals import Principal
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
            found = reads.entry(who.organisation, identifier) if is_id(identifier) else None
            if found is None:
                raise not_found("evidence", identifier)
            _, raw, parts = found
            return {
                "id": identifier,
                "type": decode(raw)["type"],
                "hash": format_digest(leaf_hash(raw)),
                **receipt(reads, raw),
                "disclosed": {
                    name: {"salt": part.salt.hex(), "value": Raw(part.canonical)} for name, part in parts.items()
                },
            }

        return await self._reader.point(work)
