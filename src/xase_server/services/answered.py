"""Groups held against all that the same organisation was answered of the same version before.

    groups of an answer → what was told before is read → near ones refused → told and released in one commit

What is told is kept beside the ledger, by record numbers, and is written with the release or not at all.
Two answers at once are compared with each other: one comes first, the other is judged anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from msgspec.json import decode, encode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bitmap_in, bitmap_of
from xase_server.domain.answered import KEPT, Answered, AnsweredCells, answered_ref, cells_ref
from xase_server.domain.clock import Clock
from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRef, ObjectRow
from xase_server.domain.quotas import DATASET, used_up
from xase_server.policy.difference import Cells
from xase_server.policy.sight import RECORD_ID
from xase_server.ports import Numbers, Reads, Version
from xase_server.services.grants import Grant
from xase_server.services.planning import readable
from xase_server.services.reading import Reader
from xase_server.services.releases import Release, Releases
from xase_server.services.subjects import Subjects

_MOST_CELLS: Final = 4_096
_MOST_BYTES: Final = 64 << 20
_TOO_NEAR: Final = "Two groups, here or in an earlier answer, would differ by too few subjects"


@dataclass(slots=True)
class _Told:
    """What an organisation was told of a version up to the answer `last`; `row` is the object that says so.

    A request that is given up leaves its thread at work: whoever reads on or compares holds the `lock`.
    """

    last: str | None = None
    row: ObjectRow | None = None
    sets: dict[bytes, BitMap64] = field(default_factory=dict)
    bytes: int = 0
    cells: dict[str, Cells] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def read_on(self, reads: Reads, ref: ObjectRef) -> None:
        """Take up the answers since."""
        row = reads.object(ref)
        newest = place = None if row is None else decode(row.document, type=Answered).last
        with self.lock:
            while place is not None and place != self.last:
                kept = reads.object(cells_ref(place))
                assert kept is not None, "written with the answer that names it"
                answer = decode(kept.document, type=AnsweredCells)
                new = [each for each in answer.cells if each not in self.sets]
                self.sets.update({each: bitmap_in(each) for each in new})
                self.bytes += sum(map(len, new))
                place = answer.previous
            self.last, self.row = newest, row

    def by(self, entity: str, codes: Numbers) -> Cells:
        """All groups as they speak of the subjects that a field names."""
        cells = self.cells.setdefault(entity, Cells(codes))
        for records in islice(self.sets.values(), len(cells), None):
            cells.add(cells.cell(records))
        return cells


class AnsweredGroups:
    """Compares the groups of answers with those before, and releases what tells of enough subjects."""

    def __init__(self, releases: Releases, reader: Reader, clock: Clock) -> None:
        self._releases = releases
        self._reader = reader
        self._clock = clock
        self._subjects = Subjects()
        self._kept: OrderedDict[ObjectRef, _Told] = OrderedDict()
        self._turns: WeakValueDictionary[ObjectRef, asyncio.Lock] = WeakValueDictionary()

    async def commit(
        self, grant: Grant, version: Version, groups: Sequence[Numbers], identifier: str, release: Release
    ) -> None:
        """On return what the groups tell is kept, and the release durable: its data may leave.

        `groups` are the records behind each. Raises `group_too_small` when two groups, of this answer or of one
        before, differ by too few subjects, `quota_exceeded` when no more groups can be kept, and what
        `Releases.commit` raises.
        """
        ref = answered_ref(grant.who.organisation, grant.dataset_id, grant.version)
        turn = self._turns.setdefault(ref, asyncio.Lock())
        async with turn:  # others of this server would only find that they come too late
            told = self._told(ref)
            await self._reader.scan(lambda reads: told.read_on(reads, ref))
            with readable():
                new = await asyncio.to_thread(self._new, grant, version, told, groups)
            if new:
                release = replace(release, objects=(*release.objects, *self._rows(grant, ref, told, identifier, new)))
            await self._releases.commit(grant, identifier, release)

    def _told(self, ref: ObjectRef) -> _Told:
        """What is in memory of it; the longest unused makes room."""
        told = self._kept.setdefault(ref, _Told())
        self._kept.move_to_end(ref)
        while len(self._kept) > 1 and sum(each.bytes for each in self._kept.values()) > _MOST_BYTES:
            self._kept.popitem(last=False)
        return told

    def _new(self, grant: Grant, version: Version, told: _Told, groups: Sequence[Numbers]) -> dict[bytes, BitMap64]:
        """The groups that were not told before; raises where one is too near to another. Blocks."""
        packed = [bitmap_of(each) for each in groups]
        with told.lock:
            new = {each: bitmap_in(each) for each in packed if each not in told.sets}
            _refuse_too_many(told, new)
            for entity in sorted(grant.contract.entity_keys) or [RECORD_ID]:
                codes = self._subjects.codes((grant.dataset_id, grant.version), version, entity)
                _refuse_near(told.by(entity, codes), Cells(codes), new.values(), grant.contract.min_set_difference)
        return new

    def _rows(
        self, grant: Grant, ref: ObjectRef, told: _Told, identifier: str, new: dict[bytes, BitMap64]
    ) -> tuple[ObjectRow, ObjectRow]:
        """What this answer told first, and the sum of all."""
        row = told.row  # once: a request that was given up may still be setting it back, to be found out by revision
        before = Answered(None) if row is None else decode(row.document, type=Answered)
        cells = AnsweredCells(before.last, tuple(new))
        sums = Answered(identifier, before.cells + len(new), before.bytes + sum(map(len, new)))
        return (
            self._row(grant, cells_ref(identifier), 1, encode(cells)),
            self._row(grant, ref, 1 if row is None else row.revision + 1, encode(sums)),
        )

    def _row(self, grant: Grant, ref: ObjectRef, revision: int, document: bytes) -> ObjectRow:
        return ObjectRow(
            kind=ref.kind,
            id=ref.id,
            organisation=grant.holder,
            parent=grant.dataset_id,
            revision=revision,
            document=document,
            created_ms=self._clock.now_ms(),
            status=KEPT,
        )


def _refuse_near(before: Cells, here: Cells, new: Iterable[BitMap64], least: int) -> None:
    for cell in map(here.cell, new):
        if before.has_near(cell, least) or here.has_near(cell, least):
            raise Refused("group_too_small", _TOO_NEAR, {"min_set_difference": least})
        here.add(cell)


def _refuse_too_many(told: _Told, new: dict[bytes, BitMap64]) -> None:
    for quota, limit, used, more in (
        ("answered_groups", _MOST_CELLS, len(told.sets), len(new)),
        ("answered_bytes", _MOST_BYTES, told.bytes, sum(map(len, new))),
    ):
        if used + more > limit:
            raise used_up(quota, limit, used, DATASET)
