"""Anonymised datasets, and how easily the records of a version are recognised (docs/spec/api.md, section 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from xase_server.domain.anonymity import NewAnonymization, RiskWish
from xase_server.domain.datasets import Version, version_ref
from xase_server.domain.errors import Refused, invalid_field, not_found
from xase_server.domain.ids import is_id
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ports import Anonymity, Library, Reads
from xase_server.query.stages import Find
from xase_server.services.datasets import Datasets
from xase_server.services.documents import dataset_of, version_of
from xase_server.services.fitting import newest_version
from xase_server.services.jobs import Derivation
from xase_server.services.outcome import Once, Outcome
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.risk_questions import asked, asked_for, removed_fields
from xase_server.services.versions import risk_hash
from xase_server.services.views import View
from xase_server.services.visibility import find_own_dataset
from xase_server.services.withdrawn import Withdrawn


class Anonymization:
    """The use cases around recognising people in the datasets of the caller's organisation."""

    def __init__(
        self, datasets: Datasets, reader: Reader, planner: Planner, library: Library, withdrawn: Withdrawn
    ) -> None:
        self._datasets = datasets
        self._reader = reader
        self._planner = planner
        self._library = library
        self._withdrawn = withdrawn

    async def make(self, who: Principal, name: str, wish: NewAnonymization, once: Once | None) -> Outcome:
        """The dataset that the newest version of this one is anonymised into, or with `progress` meanwhile.

        Records of who has withdrawn are not part of it. When what was asked for cannot be reached, the
        dataset says so. Raises Refused: `validation_error`, `conflict`, `not_found`, `unavailable`.
        """
        again = await self._datasets.again(who, once)
        if again is not None:
            return again
        if is_id(wish.name):
            raise invalid_field("name", "Must not have the form of an id")

        def work(reads: Reads) -> tuple[ObjectRow, Version | None]:
            row = find_own_dataset(reads, who.organisation, name)
            return row, newest_version(reads, row)

        row, version = await self._reader.scan(work)
        if version is None:
            raise Refused("conflict", "This dataset has no data yet", {"resource": "dataset", "id": row.id})
        dataset = dataset_of(row)
        removed = tuple(removed_fields(dataset, version))
        anonymity = Anonymity(
            question=asked_for(dataset, version, wish, removed),
            k=wish.k,
            l=None if wish.l is UNSET else wish.l,
            suppression_max=wish.suppression_max,
            removed=removed,
            withheld=await self._withheld(row, version),
        )
        derivation = Derivation(row.id, version.number, dataset.withdrawn, anonymity, dataset.fields)
        return await self._datasets.derive(who, wish.name, derivation, once)

    async def report(self, who: Principal, name: str, number: int) -> View:
        """The report of risks that a version was made with; raises `not_found` when it was not anonymised."""
        row, version = await self._reader.point(lambda reads: _find(reads, who, name, number))
        if version.risk is None:
            raise not_found("risk report", f"{row.id}@{number}")
        return _view(row, number, version.risk) | {"hash": risk_hash(version.risk)}

    async def assess(self, who: Principal, name: str, number: int, wish: RiskWish) -> View:
        """How easily the records of a version are recognised by these fields, found out now."""
        row, version = await self._reader.point(lambda reads: _find(reads, who, name, number))
        question = asked(dataset_of(row), version, wish)
        found = await self._planner.run(lambda: self._library.risk(row.id, number, question))
        return _view(row, number, found)

    async def _withheld(self, row: ObjectRow, version: Version) -> tuple[int, ...]:
        if not dataset_of(row).withdrawn:
            return ()

        def work() -> Sequence[int]:
            opened = self._planner.opened(row.id, version.number)
            return opened.engine.numbers(Find(self._withdrawn.rows(row, version.number, opened)))

        return tuple(int(number) for number in await self._planner.run(work))


def _view(row: ObjectRow, number: int, report: Mapping[str, Any]) -> View:
    return {"dataset_id": row.id, "version": number, "report": report}


def _find(reads: Reads, who: Principal, name: str, number: int) -> tuple[ObjectRow, Version]:
    row = find_own_dataset(reads, who.organisation, name)
    found = reads.object(version_ref(row.id, number))
    if found is None:
        raise not_found("dataset version", f"{row.id}@{number}")
    return row, version_of(found)
