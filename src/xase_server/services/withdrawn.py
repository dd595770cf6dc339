"""Who has withdrawn consent, as conditions on rows.

Who withdrew is a part of the withdrawal's entry, kept apart from the ledger; plans read it from there.
A list that cannot be read denies everything (docs/spec/policy.md, section 1).
"""

from typing import Any, Final

from msgspec.json import decode

from xase_server.domain.consent import WITHDRAWAL
from xase_server.domain.datasets import dataset_ref
from xase_server.domain.errors import invalid_field, unavailable
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.ports import Reads
from xase_server.query.nodes import TRUE, At, In, Node, Not
from xase_server.services.documents import dataset_of
from xase_server.services.reading import Reader
from xase_server.services.visibility import every_object

_MOST_KEPT: Final = 256


class Withdrawn:
    """Who has withdrawn from each dataset, as a condition on its rows."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: dict[tuple[str, int], Node] = {}

    def condition(self, dataset_id: str, withdrawn: int) -> Node:
        """The rows of those who have not withdrawn, after so many withdrawals. Blocks.

        Raises `unavailable` when one of them can no longer be read: then nothing may leave.
        """
        if not withdrawn:
            return TRUE
        found = self._kept.get((dataset_id, withdrawn))
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[dataset_id, withdrawn] = self._reader.now(lambda reads: _condition(reads, dataset_id))
        return found


def _condition(reads: Reads, dataset_id: str) -> Node:
    row = reads.object(dataset_ref(dataset_id))
    assert row is not None, "datasets are archived, never removed"
    return without(row, withdrawn_subjects(reads, dataset_id))


def withdrawn_subjects(reads: Reads, dataset_id: str) -> list[Any]:
    """Everybody who has withdrawn; raises `unavailable` when one can no longer be read."""
    rows = every_object(reads, ObjectQuery(kind=WITHDRAWAL, parent=dataset_id))
    return [subject_of(reads, each.id) for each in rows]


def without(row: ObjectRow, subjects: list[Any]) -> Node:
    """The rows of a dataset that are of nobody among these."""
    return Not(of_subjects(row, subjects))


def of_subjects(row: ObjectRow, subjects: list[Any]) -> Node:
    """The rows of a dataset that are of somebody among these; raises `validation_error` when nothing names persons."""
    field = dataset_of(row).subject_field
    if field is None:
        raise invalid_field("subject", "The dataset has no subject_field that would say whose its records are")
    return At(tuple(field.split(".")), In(tuple(subjects)))


def subject_of(reads: Reads, withdrawal: str) -> Any:
    """The person of a withdrawal; raises `unavailable` when that can no longer be read."""
    found = reads.any_entry(withdrawal)
    part = None if found is None else found[2].get("subject")
    if part is None:
        raise unavailable("The consent list cannot be read", retry_after=60)
    return decode(part.canonical)
