"""What aggregates have told one organisation of a dataset version: which records stood behind each group.

The server keeps it for itself: who reads the evidence of an answer must not learn who is in which group.
"""

from typing import Final

from msgspec import Struct

from xase_server.domain.objects import ObjectRef

ANSWERED: Final = "answered"
CELLS: Final = "cells"
KEPT: Final = "KEPT"


class Answered(Struct, frozen=True):
    """All that was told so far: the newest answer that told of other records than before, and sums over all."""

    last: str | None
    cells: int = 0
    bytes: int = 0


class AnsweredCells(Struct, frozen=True):
    """What one answer told first, as sets of record numbers, and the answer before it that told something."""

    previous: str | None
    cells: tuple[bytes, ...]


def answered_ref(organisation: str, dataset_id: str, version: int) -> ObjectRef:
    """What has been told to an organisation, in all of its sessions on this version together."""
    return ObjectRef(ANSWERED, f"{dataset_id}@{version}/{organisation}")


def cells_ref(answer: str) -> ObjectRef:
    """What one answer told first."""
    return ObjectRef(CELLS, answer)
