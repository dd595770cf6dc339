"""What a session has received, from its chain: the union of its releases, kept up as the chain grows."""

from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from msgspec.json import decode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bitmap_in
from xase_server.domain.entries import session_stream
from xase_server.ports import Reads

_PAGE: Final = 500
_MOST_KEPT: Final = 1_024
_RELEASING: Final = frozenset({"release", "aggregate", "transform"})


@dataclass(slots=True)
class Delivered:
    """The records that left in a session's chain up to `length`, all together and by batch."""

    length: int = 0
    records: BitMap64 = field(default_factory=BitMap64)
    batches: dict[str, int] = field(default_factory=dict)


class Deliveries:
    """Keeps what sessions have received; each look reads only what is new."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Delivered] = OrderedDict()

    def of(self, reads: Reads, session_id: str) -> Delivered:
        """What a session has received by now; `batches` maps ids to log indexes."""
        found = self._kept.setdefault(session_id, Delivered())
        self._kept.move_to_end(session_id)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        while entries := reads.stream_entries(session_stream(session_id), found.length, _PAGE):
            for index, raw in entries:
                self._add(reads, found, index, raw)
        return found

    @staticmethod
    def records_of(reads: Reads, index: int) -> BitMap64:
        """The records of one release; none where their list was erased."""
        part = reads.parts(index, 1).get(index, {}).get("records")
        return BitMap64() if part is None else bitmap_in(b64decode(decode(part.canonical)))

    def _add(self, reads: Reads, found: Delivered, index: int, raw: bytes) -> None:
        entry = decode(raw)
        if entry["type"] in _RELEASING:
            found.records |= self.records_of(reads, index)
            found.batches[entry["id"]] = index
        found.length = entry["sequence"] + 1
