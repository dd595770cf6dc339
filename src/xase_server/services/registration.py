"""How a dataset comes to be, and the entries that speak of it (docs/spec/api.md, section 3)."""

from dataclasses import dataclass

from xase_server.domain.clock import Clock
from xase_server.domain.datasets import DATASET, PROCESSING, Dataset, Version
from xase_server.domain.entries import Append, EntryType, ObjectsChanged, Replayed, Unit, admin_stream
from xase_server.domain.errors import Refused
from xase_server.domain.ids import new_id
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.dataset_views import note_view
from xase_server.services.documents import document_of
from xase_server.services.fitting import find_policy, refuse_unfit
from xase_server.services.outcome import Once, Remembered, remember
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import every_dataset


@dataclass(frozen=True, slots=True)
class Policed:
    """A dataset's policy id, and what must still hold for it when it is attached."""

    parent: str | None
    expects: tuple[Expectation, ...]


class Registration:
    """Makes datasets without data."""

    def __init__(self, ledger: Ledger, reader: Reader, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock

    async def make(self, who: Principal, dataset: Dataset, once: Once | None) -> ObjectRow:
        """The dataset, durable and PROCESSING.

        Raises Refused: `conflict` for a name in use, also by an equal request that was answered meanwhile; Stale.
        """

        def work(reads: Reads) -> Policed:
            if next(every_dataset(reads, name=dataset.name, owner=who.organisation), None) is not None:
                raise name_taken(dataset.name)
            return policed_by(reads, who.organisation, dataset, None)

        policed = await self._reader.point(work)
        row = ObjectRow(
            kind=DATASET,
            id=new_id("ds"),
            organisation=who.organisation,
            revision=1,
            document=document_of(dataset),
            created_ms=self._clock.now_ms(),
            status=PROCESSING,
            name=dataset.name,
            parent=policed.parent,
        )
        append = append_dataset(who, row, "dataset_registered", openly(dataset), said(dataset))
        # COMMIT POINT: after it the dataset exists; data that is being read for it may still be lost.
        try:
            claim = remember(once, Remembered(ids=[row.id]))
            committed = await self._ledger.append(Unit((append,), claim, policed.expects))
        except Refused as refused:
            if refused.kind.slug != "conflict":
                raise
            raise name_taken(dataset.name) from refused
        if isinstance(committed, Replayed):
            raise name_taken(dataset.name)
        return row


def name_taken(name: str) -> Refused:
    """The refusal of a name that another dataset of the holder has."""
    return Refused("conflict", "Another dataset has this name", {"field": "name", "resource": "dataset", "id": name})


def policed_by(reads: Reads, organisation: str, dataset: Dataset, version: Version | None) -> Policed:
    """What a dataset with this policy belongs to; raises `validation_error` when the policy is not there or unfit."""
    if dataset.policy_id is None:
        return Policed(None, ())
    policy, expected = find_policy(reads, organisation, dataset.policy_id)
    if version is not None:
        refuse_unfit(policy, version)
    return Policed(policy_ref(organisation, dataset.policy_id).id, (expected,))


def openly(dataset: Dataset) -> View:
    """What entries say of a dataset in clear."""
    named = {"policy_id": dataset.policy_id, "derived_from": dataset.derived_from}
    return {name: value for name, value in named.items() if value is not None}


def said(dataset: Dataset) -> View:
    """What the holder says of a dataset in words of its own."""
    notes = {path: {"description": note.description, **note_view(note)} for path, note in dataset.fields.items()}
    return {"name": dataset.name, "description": dataset.description, "fields": notes}


def append_dataset(who: Principal, row: ObjectRow, type: EntryType, body: View, parts: View) -> Append:
    """An entry of what became of a dataset; the first one has its id."""
    return make_append(
        identifier=row.id if row.revision == 1 else new_id("evt"),
        type=type,
        stream=admin_stream(row.organisation),
        principal=who,
        body={"dataset_id": row.id} | body,
        parts={**parts, "principal": who.email},
        effect=ObjectsChanged((row,)),
    )
