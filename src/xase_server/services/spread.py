"""Where data records have gone: the sessions that received them, and the models that were made in those.

Looked up by blocks of record numbers, then in each release's bitmap, so that the cost is that of the
releases near a record, not of all there are.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping

import numpy as np
from msgspec.json import decode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bitmap_in
from xase_server.domain.objects import BLOCK
from xase_server.domain.sessions import session_ref
from xase_server.ports import DeliveryRow, Reads
from xase_server.query.nodes import Node
from xase_server.query.stages import Find
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.views import View

Places = Mapping[int, BitMap64]
"""Version of a dataset → numbers of the records in question."""


class Spread:
    """Finds where records have gone."""

    def __init__(self, reader: Reader, planner: Planner) -> None:
        self._reader = reader
        self._planner = planner

    async def find(self, dataset_id: str, newest: int, condition: Node) -> Places:
        """The records that meet a condition, by version."""
        return await self._planner.run(lambda: self._places(dataset_id, newest, condition))

    async def of(self, dataset_id: str, newest: int, places: Places) -> View:
        """How many records these are in the newest version, and the sessions and models that had any of them."""
        sessions = await self._reader.scan(lambda reads: sessions_with(reads, dataset_id, places))
        models = await self._reader.scan(lambda reads: models_of(reads, sessions))
        return {"records": len(places.get(newest, ())), "sessions": sessions, "models": models}

    def _places(self, dataset_id: str, newest: int, condition: Node) -> dict[int, BitMap64]:
        """The records that meet a condition, by version. Blocks."""
        versions = ((number, self._planner.opened(dataset_id, number)) for number in range(1, newest + 1))
        return {
            number: BitMap64(np.asarray(version.engine.numbers(Find(condition)), dtype=np.uint64))
            for number, version in versions
        }


def sessions_with(reads: Reads, dataset_id: str, places: Places) -> list[View]:
    """The sessions that received any of these records, in the order of their first such release."""
    found: dict[str, View] = {}
    for version, numbers in places.items():
        for entry in _releases(reads, dataset_id, version, numbers):
            name = entry["body"]["session_id"]
            if name not in found:
                row = reads.object(session_ref(name))
                assert row is not None, "a release names its session"
                found[name] = {
                    "session_id": name,
                    "organisation": row.organisation,
                    "status": row.status,
                    "dataset_version": version,
                    "first_release": entry["time"],
                }
    return list(found.values())


def models_of(reads: Reads, sessions: list[View]) -> list[View]:
    """The models for which operations were recorded in these sessions."""
    uses = (use for each in sessions for use in reads.model_uses(session=each["session_id"]))
    found: dict[tuple[str, str], View] = {}
    for use in uses:
        view = found.setdefault(
            (use.organisation, use.model_id),
            {"model_id": use.model_id, "organisation": use.organisation, "sessions": [], "operations": 0},
        )
        view["operations"] += use.operations
        if use.session not in view["sessions"]:
            view["sessions"].append(use.session)
    return list(found.values())


def _releases(reads: Reads, dataset_id: str, version: int, numbers: BitMap64) -> Iterator[View]:
    """The entries by which any of these records left."""
    seen: set[int] = set()
    for block in sorted({number // BLOCK for number in numbers}):
        for delivery in reads.deliveries(dataset_id, version, block):
            if delivery.index not in seen and _holds_any(delivery, numbers):
                seen.add(delivery.index)
                entry: View = decode(delivery.raw)
                yield entry


def _holds_any(delivery: DeliveryRow, numbers: BitMap64) -> bool:
    """Whether the release has one of the records; one whose list was erased may have had it."""
    part = delivery.parts.get("records")
    return part is None or bool(bitmap_in(b64decode(decode(part.canonical))).intersect(numbers))
