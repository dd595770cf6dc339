"""What a caller wants of a session's data, as it is committed to in the ledger and remembered by cursors."""

from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Literal

from msgspec import Struct, structs

from xase.proof.canonical import CanonicalError, canonical
from xase_server.query.limits import DEFAULTS
from xase_server.query.refusal import refuse

DIGEST_BYTES: Final = 8


class Order(Struct, frozen=True, omit_defaults=True):
    """Training order: a keyed permutation of the matching records, of which one of `world_size` ranks takes its share.

    `start` is the position in the permuted order from which the ranks share what is left.
    """

    seed: int = 0
    epoch: int = 0
    rank: int = 0
    world_size: int = 1
    start: int = 0


class Wanted(Struct, frozen=True, omit_defaults=True, dict=True):
    """A query over data records: JSON as the caller sent it. `shuffle` None is the query's own order."""

    filter: Any = None
    sort: Any = None
    fields: Any = None
    skip: Any = 0
    shuffle: Order | None = None

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The query as plain JSON, without what was not asked for."""
        said = structs.asdict(self) | {"skip": self.skip or None}
        found = {name: value for name, value in said.items() if value is not None}
        if self.shuffle is not None:
            found["shuffle"] = structs.asdict(self.shuffle)
        return found

    @property
    def find(self) -> dict[str, Any]:
        """What `query.parse.parse_find` reads."""
        return {name: self.plain[name] for name in ("filter", "sort", "skip") if name in self.plain}

    @cached_property
    def found_by(self) -> bytes:
        """What the answer's records depend on: the query without its fields and its training order."""
        return canonical(self.find)

    @cached_property
    def canonical(self) -> bytes:
        """The query's canonical bytes; raises `invalid_query` for one that is too large or no I-JSON."""
        try:
            written = canonical(self.plain)
        except CanonicalError as error:
            raise refuse(error.path or "filter", error.reason) from None
        if len(written) > DEFAULTS.body_bytes:
            raise refuse("", f"A query has at most {DEFAULTS.body_bytes} bytes")
        return written

    @cached_property
    def digest(self) -> bytes:
        """What a cursor is bound to."""
        return sha256(self.canonical).digest()[:DIGEST_BYTES]


Via = Literal["stream", "filter", "get_record", "aggregate", "transform"]
"""How data was asked for, as the ledger says it."""
