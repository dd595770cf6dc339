"""Who has withdrawn consent, as conditions on rows.

Who withdrew is a part of the withdrawal's entry, kept apart from the ledger; plans read it from there. In a dataset
that was made of another nobody is named: there the withdrawal's records are known by their numbers (docs/adr/0031).
A list that cannot be read denies everything (docs/spec/policy.md, section 1).
"""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from msgspec.json import decode
from pyroaring import BitMap64

from xase_server.delivery.bitmap import bitmap_in
from xase_server.domain.consent import WITHDRAWAL
from xase_server.domain.datasets import dataset_ref
from xase_server.domain.errors import Refused, invalid_field, unavailable
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.ports import RECORD_ID, Reads, Version
from xase_server.query.nodes import TRUE, At, In, Node, Not
from xase_server.services.documents import dataset_of
from xase_server.services.reading import Reader
from xase_server.services.visibility import every_object

_MOST_KEPT: Final = 256


class Withdrawn:
    """Who has withdrawn from each dataset, as a condition on the rows of its versions."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: dict[tuple[str, int, int], Node] = {}

    def condition(self, dataset_id: str, number: int, version: Version, withdrawn: int) -> Node:
        """The rows of those who have not withdrawn, after so many withdrawals. Blocks.

        Raises `unavailable` when one of them can no longer be read: then nothing may leave.
        """
        if not withdrawn:
            return TRUE
        key = dataset_id, number, withdrawn
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            row = self._reader.now(lambda reads: reads.object(dataset_ref(dataset_id)))
            assert row is not None, "datasets are archived, never removed"
            found = self._kept[key] = Not(self.rows(row, number, version))
        return found

    def rows(self, row: ObjectRow, number: int, version: Version) -> Node:
        """The rows of a version that are of somebody who has withdrawn. Blocks; raises `unavailable`."""
        if dataset_of(row).derived_from is None:
            return of_subjects(row, self._reader.now(lambda reads: withdrawn_subjects(reads, row.id)))
        numbers = self._reader.now(lambda reads: withdrawn_numbers(reads, row.id, number))
        return At((RECORD_ID,), In(tuple(record_ids(version, numbers))))


def withdrawn_subjects(reads: Reads, dataset_id: str) -> list[Any]:
    """Everybody who has withdrawn; raises `unavailable` when one can no longer be read."""
    return [subject_of(reads, each.id) for each in withdrawals(reads, dataset_id)]


def withdrawn_numbers(reads: Reads, dataset_id: str, number: int) -> BitMap64:
    """The records of a version that were of somebody who has withdrawn since it was made.

    Raises `unavailable` when a list of them can no longer be read.
    """
    found, part = BitMap64(), records_part(number)
    for each in withdrawals(reads, dataset_id):
        entry = reads.any_entry(each.id)
        if entry is None or (part in decode(entry[1])["commitments"] and part not in entry[2]):
            raise _unreadable()
        if part in entry[2]:
            found |= bitmap_in(b64decode(decode(entry[2][part].canonical)))
    return found


def withdrawals(reads: Reads, dataset_id: str) -> Iterator[ObjectRow]:
    """The withdrawals from a dataset, oldest first."""
    return every_object(reads, ObjectQuery(kind=WITHDRAWAL, parent=dataset_id))


def records_part(number: int) -> str:
    """The part of a withdrawal's entry that holds the person's records in a version of the dataset."""
    return f"records.{number}"


def record_ids(version: Version, numbers: BitMap64) -> list[Any]:
    """What records of a version are called. Blocks."""
    taken = version.take(np.asarray(numbers, dtype=np.int64), [RECORD_ID])
    names: list[Any] = taken.column(0).to_pylist()
    return names


def of_subjects(row: ObjectRow, subjects: list[Any]) -> Node:
    """The rows of a dataset that are of somebody among these; raises `validation_error` when nothing names persons."""
    dataset = dataset_of(row)
    if dataset.derived_from is not None:
        raise invalid_field("subject", f"Nobody is named here: ask {dataset.derived_from}, which it was made of")
    if dataset.subject_field is None:
        raise invalid_field("subject", "The dataset has no subject_field that would say whose its records are")
    return At(tuple(dataset.subject_field.split(".")), In(tuple(subjects)))


def subject_of(reads: Reads, withdrawal: str) -> Any:
    """The person of a withdrawal; raises `unavailable` when that can no longer be read."""
    found = reads.any_entry(withdrawal)
    part = None if found is None else found[2].get("subject")
    if part is None:
        raise _unreadable()
    return decode(part.canonical)


def _unreadable() -> Refused:
    return unavailable("The consent list cannot be read", retry_after=60)
