"""Where data records have gone: the sessions that received them, and the models that were made in those.

Looked up by blocks of record numbers, then in each release's bitmap, so that the cost is that of the
releases near a record, not of all there are.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.json import decode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bitmap_in
from xase_server.domain.objects import BLOCK, ObjectRow
from xase_server.domain.sessions import session_ref
from xase_server.ports import DeliveryRow, Reads
from xase_server.query.nodes import Node
from xase_server.query.stages import Find
from xase_server.services.descent import Descendant, Places, descended, family_of, places_in
from xase_server.services.documents import dataset_of
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.views import View


@dataclass(frozen=True, slots=True)
class Reach:
    """Records of a dataset, and what became of them in the datasets that were made of it."""

    row: ObjectRow
    places: Places
    descendants: Sequence[Descendant]

    @property
    def everywhere(self) -> Mapping[str, Places]:
        """By dataset, its own and those made of it, where the records are."""
        derived = dict.fromkeys(each.row.id for each in self.descendants)
        return {self.row.id: self.places} | {name: places_in(self.descendants, name) for name in derived}


class Spread:
    """Finds where records have gone."""

    def __init__(self, reader: Reader, planner: Planner) -> None:
        self._reader = reader
        self._planner = planner

    async def find(self, row: ObjectRow, condition: Node) -> Reach:
        """The records of a dataset that meet a condition, in each of its versions and wherever they are since."""
        newest = dataset_of(row).version
        places = await self._planner.run(lambda: self._places(row.id, newest, condition))
        return await self.follow(row, places)

    async def follow(self, row: ObjectRow, places: Places) -> Reach:
        """These records of a dataset, and wherever they are since."""
        family = await self._reader.scan(lambda reads: family_of(reads, row))
        found = await self._planner.run(lambda: descended(self._planner, family, row.id, places))
        return Reach(row, places, found)

    async def of(self, reach: Reach) -> View:
        """How many records these are in the newest version, and the sessions and models that had any of them."""
        sessions = await self._reader.scan(lambda reads: sessions_with(reads, reach.everywhere))
        models = await self._reader.scan(lambda reads: models_of(reads, sessions))
        return {
            "records": len(reach.places.get(dataset_of(reach.row).version, ())),
            "sessions": sessions,
            "models": models,
            "derived": [each.view() for each in reach.descendants],
        }

    def _places(self, dataset_id: str, newest: int, condition: Node) -> dict[int, BitMap64]:
        """The records that meet a condition, by version. Blocks."""
        versions = ((number, self._planner.opened(dataset_id, number)) for number in range(1, newest + 1))
        return {
            number: BitMap64(np.asarray(version.engine.numbers(Find(condition)), dtype=np.uint64))
            for number, version in versions
        }


def sessions_with(reads: Reads, everywhere: Mapping[str, Places]) -> list[View]:
    """The sessions that received any of these records of datasets, in the order of their first such release.

    `certain` is false where each list of what a session received that could tell has been erased.
    """
    found: dict[str, View] = {}
    for dataset_id, places in everywhere.items():
        for version, numbers in places.items():
            for entry, certain in _releases(reads, dataset_id, version, numbers):
                name = entry["body"]["session_id"]
                if name not in found:
                    found[name] = _reached(reads, name, entry) | {"certain": certain}
                found[name]["certain"] |= certain
    return list(found.values())


def _reached(reads: Reads, name: str, entry: View) -> View:
    row = reads.object(session_ref(name))
    assert row is not None, "a release names its session"
    return {
        "session_id": name,
        "organisation": row.organisation,
        "status": row.status,
        "dataset_id": entry["body"]["dataset_id"],
        "dataset_version": entry["body"]["dataset_version"],
        "first_release": entry["time"],
    }


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


def _releases(reads: Reads, dataset_id: str, version: int, numbers: BitMap64) -> Iterator[tuple[View, bool]]:
    """The entries by which any of these records left, or may have left, and whether it is certain."""
    seen: set[int] = set()
    for block in sorted({number // BLOCK for number in numbers}):
        for delivery in reads.deliveries(dataset_id, version, block):
            if delivery.index not in seen and (held := _holds_any(delivery, numbers)) is not False:
                seen.add(delivery.index)
                entry: View = decode(delivery.raw)
                yield entry, bool(held)


def _holds_any(delivery: DeliveryRow, numbers: BitMap64) -> bool | None:
    """Whether the release has one of the records; None when its list was erased, so that it may have had it."""
    part = delivery.parts.get("records")
    return None if part is None else bool(bitmap_in(b64decode(decode(part.canonical))).intersect(numbers))
