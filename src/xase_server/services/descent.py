"""Records followed into the versions that were made of theirs.

Anonymised versions keep the record ids of the version that they were made of (docs/adr/0023), so whether one of them
holds a record is known, not guessed. What is beside the point of a record (how far all values were coarsened) is not
followed: see docs/adr/0031.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyroaring import BitMap64

from xase_server.domain.datasets import Version, dataset_ref, version_ref
from xase_server.domain.objects import ObjectRow
from xase_server.ports import Reads
from xase_server.services.documents import dataset_of, version_of
from xase_server.services.planning import Planner
from xase_server.services.views import View
from xase_server.services.visibility import every_dataset
from xase_server.services.withdrawn import record_ids

Places = Mapping[int, BitMap64]
"""Version of a dataset → numbers of the records in question."""

Family = Sequence[tuple[ObjectRow, Sequence[Version]]]
"""Datasets that were made of one, directly or of one another, parents first, each with its versions."""


@dataclass(frozen=True, slots=True)
class Descendant:
    """A version made of one that held records in question: those that it holds, and how many were left out."""

    row: ObjectRow
    number: int
    held: BitMap64
    left_out: int

    def view(self) -> View:
        """What is told of it."""
        return {
            "dataset_id": self.row.id,
            "dataset": dataset_of(self.row).name,
            "version": self.number,
            "records": len(self.held),
            "left_out": self.left_out,
        }


def origin_of(reads: Reads, row: ObjectRow) -> ObjectRow:
    """The dataset that this one goes back to: itself, where it holds data of its own."""
    while (source := dataset_of(row).derived_from) is not None:
        found = reads.object(dataset_ref(source))
        assert found is not None, "datasets are archived, never removed"
        row = found
    return row


def family_of(reads: Reads, row: ObjectRow) -> Family:
    """What was made of this dataset."""
    owned = list(every_dataset(reads, owner=row.organisation))
    found, above = list[tuple[ObjectRow, Sequence[Version]]](), {row.id}
    while above:
        below = [each for each in owned if dataset_of(each).derived_from in above]
        found += [(each, _versions(reads, each)) for each in below]
        above = {each.id for each in below}
    return found


def _versions(reads: Reads, row: ObjectRow) -> list[Version]:
    refs = (version_ref(row.id, number) for number in range(1, dataset_of(row).version + 1))
    return [version_of(found) for ref in refs if (found := reads.object(ref)) is not None]


def descended(planner: Planner, family: Family, dataset_id: str, places: Places) -> list[Descendant]:
    """Where these records of a dataset are in its family. Blocks; raises VersionUnavailable."""
    known = {(dataset_id, number): held for number, held in places.items()}
    found = []
    for row, versions in family:
        for version in versions:
            assert version.parent is not None, "a derived dataset takes no data of its own"
            parent = version.parent.dataset_id, version.parent.version
            if not known.get(parent):
                continue
            names = record_ids(planner.opened(*parent), known[parent])
            numbers = planner.opened(row.id, version.number).numbers_of(names)
            held = known[row.id, version.number] = BitMap64(each for each in numbers if each is not None)
            found.append(Descendant(row, version.number, held, len(names) - len(held)))
    return found


def places_in(found: Sequence[Descendant], dataset_id: str) -> Places:
    """Those of the records that one dataset of the family holds."""
    return {each.number: each.held for each in found if each.row.id == dataset_id and each.held}
