"""Datasets: registered, given data, described, changed, archived (docs/spec/api.md, section 3)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from msgspec import UNSET, structs

from xase_server.domain.clock import Clock
from xase_server.domain.datasets import (
    ARCHIVED,
    VERSION,
    Dataset,
    DatasetChange,
    FileFormat,
    NewDataset,
    NewVersion,
    Version,
)
from xase_server.domain.decisions import Page
from xase_server.domain.entries import Unit
from xase_server.domain.errors import Problems, Refused
from xase_server.domain.ids import is_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.policy.sight import paths, visible
from xase_server.ports import Library, Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.croissant import croissant
from xase_server.services.dataset_views import Sees, dataset_view, fields_view, offered_view, version_view
from xase_server.services.documents import dataset_of, schema_of
from xase_server.services.fitting import newest_version, refuse_scrubbing, refuse_unknown_fields
from xase_server.services.ingestion import Ingestion
from xase_server.services.jobs import Arrival, Derivation, Job, Mode
from xase_server.services.outcome import Once, Outcome, Remembered, made_before, recall, remember
from xase_server.services.planning import readable
from xase_server.services.reading import Reader
from xase_server.services.registration import (
    Policed,
    Registration,
    append_dataset,
    name_taken,
    openly,
    policed_by,
    said,
)
from xase_server.services.versions import moved
from xase_server.services.views import View
from xase_server.services.visibility import (
    every_dataset,
    find_dataset,
    find_own_dataset,
    may_see_dataset,
    offered_terms,
)

_REGISTERING_SECONDS: Final = 2.0
_READING_SECONDS: Final = 10.0


class Datasets:
    """The use cases around the datasets of the caller's organisation, and those that others offer it.

    `scrubs` says whether personal data in free text can be found on this server.
    """

    def __init__(
        self, ledger: Ledger, reader: Reader, library: Library, ingestion: Ingestion, clock: Clock, *, scrubs: bool
    ) -> None:
        self._scrubs = scrubs
        self._ledger = ledger
        self._registration = Registration(ledger, reader, clock)
        self._reader = reader
        self._library = library
        self._ingestion = ingestion

    # ------------------------------------------------------------------ data

    async def register(self, who: Principal, wish: NewDataset, once: Once | None) -> Outcome:
        """The dataset, durable and PROCESSING until data is read; waits a moment for the data of a `source`.

        Raises Refused: `validation_error`, `conflict` for a name in use.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        arrival = await self._registered_arrival(wish)
        dataset = Dataset(
            name=wish.name,
            description=wish.description or "",
            id_field=wish.id_field or None,
            subject_field=wish.subject_field or None,
            fields=wish.fields or {},
            policy_id=wish.policy_id or None,
        )
        refuse_scrubbing(dataset, installed=self._scrubs)
        try:
            row = await until_it_stands(lambda: self._registration.make(who, dataset, once))
        except Refused:
            if (same := await recall(self._reader, once)) is None:
                raise
            return await self._again(who, same)  # another server has answered the same request meanwhile
        if arrival is not None:
            await self._ingestion.start(who, row, arrival, None).wait(_REGISTERING_SECONDS)
        return Outcome(await self._own_view(who, row.id))

    async def upload(
        self,
        who: Principal,
        name: str,
        pieces: AsyncIterator[bytes],
        once_of: Callable[[str], Once | None],
        *,
        format: FileFormat | None,
        mode: Mode,
    ) -> Outcome:
        """The dataset with what was sent as its next version, or with `progress` when reading takes longer.

        `once_of` gives the caller's wish for the SHA-256 of what was sent. Data that does not arrive
        whole leaves nothing. Raises Refused: `conflict` for an archived dataset or while other data
        of it is being read, `payload_too_large` for what passes a bound of reading.
        """
        row = await self._open(who, name)
        if once_of("") is None:
            self._ingestion.refuse_second(row.id)
        async with self._ingestion.received(pieces) as (path, digest):
            once = once_of(digest)
            if await self._is_repeated(once, row.id):
                return Outcome(await self._own_view(who, row.id), replayed=True)
            job = self._ingestion.start(who, row, Arrival(path, format, mode, passing=True), once)
            return await self._finished(who, job)

    async def add_version(self, who: Principal, name: str, wish: NewVersion, once: Once | None) -> Outcome:
        """The dataset with the source as its next version, or with `progress` when reading takes longer."""
        row = await self._open(who, name)
        if await self._is_repeated(once, row.id):
            return Outcome(await self._own_view(who, row.id), replayed=True)
        path = await asyncio.to_thread(self._library.resolve, wish.source)
        return await self._finished(
            who, self._ingestion.start(who, row, Arrival(path, wish.format or None, wish.mode), once)
        )

    async def again(self, who: Principal, once: Once | None) -> Outcome | None:
        """What an earlier request with this idempotency key is answered, if there was one."""
        earlier = await recall(self._reader, once)
        return None if earlier is None else await self._again(who, earlier)

    async def derive(self, who: Principal, name: str, derivation: Derivation, once: Once | None) -> Outcome:
        """The dataset `name` with what becomes of another one as its next version, or with `progress` meanwhile.

        It is registered when there is none of this name. Raises Refused: `conflict` when it holds other data.
        """
        row = await until_it_stands(lambda: self._derived(who, name, derivation))
        if await self._is_repeated(once, row.id):
            return Outcome(await self._own_view(who, row.id), replayed=True)
        return await self._finished(who, self._ingestion.start(who, row, derivation, once))

    async def _derived(self, who: Principal, name: str, derivation: Derivation) -> ObjectRow:
        """The dataset that holds what is made of that other one."""
        found = await self._reader.point(
            lambda reads: next(every_dataset(reads, name=name, owner=who.organisation), None)
        )
        if found is None:
            return await self._registration.make(who, Dataset(name=name, derived_from=derivation.source), None)
        if dataset_of(found).derived_from != derivation.source or found.status == ARCHIVED:
            raise name_taken(name)
        return found

    async def _is_repeated(self, once: Once | None, dataset_id: str) -> bool:
        """Whether an earlier request with this idempotency key has been answered, or is being worked on."""
        if await recall(self._reader, once) is not None:
            return True
        return self._ingestion.claimed(once, dataset_id) is not None

    async def _finished(self, who: Principal, job: Job) -> Outcome:
        await job.wait(_READING_SECONDS)
        if job.too_large is not None:
            raise Refused("payload_too_large", job.too_large, {"resource": "dataset", "id": job.dataset_id})
        return Outcome(await self._own_view(who, job.dataset_id))

    async def _open(self, who: Principal, name: str) -> ObjectRow:
        """The caller's own dataset, which takes more data."""
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, name))
        if row.status == ARCHIVED:
            raise Refused("conflict", "This dataset is archived", {"resource": "dataset", "id": row.id})
        if dataset_of(row).derived_from is not None:
            raise Refused(
                "conflict",
                "This dataset is made of another one and takes no data of its own",
                {"resource": "dataset", "id": row.id},
            )
        return row

    async def _registered_arrival(self, wish: NewDataset) -> Arrival | None:
        problems = Problems()
        if is_id(wish.name):
            problems.add("name", "Must not have the form of an id")
        if wish.format is not UNSET and wish.source is UNSET:
            problems.add("format", "Only together with source")
        problems.refuse_if_any()
        if wish.source is UNSET:
            return None
        path = await asyncio.to_thread(self._library.resolve, wish.source)
        return Arrival(path, wish.format or None, "replace")

    # ------------------------------------------------------------------ changes

    async def change(self, who: Principal, name: str, wish: DatasetChange, once: Once | None) -> Outcome:
        """The dataset as it is after the change, which holds for every request from then on.

        Raises Refused: `validation_error` for a policy that does not exist or does not fit the data,
        and for notes on fields that the data does not have.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        return await until_it_stands(lambda: self._change(who, name, wish, once))

    async def _change(self, who: Principal, name: str, wish: DatasetChange, once: Once | None) -> Outcome:
        wished = {field: value for field in wish.__struct_fields__ if (value := getattr(wish, field)) is not UNSET}

        def work(reads: Reads) -> tuple[ObjectRow, Dataset, Policed]:
            row = find_own_dataset(reads, who.organisation, name)
            after = structs.replace(dataset_of(row), **wished)
            version = newest_version(reads, row)
            if wish.fields is not UNSET:
                refuse_scrubbing(after, installed=self._scrubs)
            if version is not None and wish.fields is not UNSET:
                refuse_unknown_fields(version, after.fields, None)
            return row, after, policed_by(reads, who.organisation, after, version)

        row, after, policed = await self._reader.point(work)
        if after != dataset_of(row):
            changed = moved(row, after, parent=policed.parent)
            body = {"changed": sorted(wished)} | openly(after)
            parts = {field: value for field, value in said(after).items() if field in wished}
            append = append_dataset(who, changed, "dataset_changed", body, parts)
            # COMMIT POINT: after it the dataset is described and governed as it now says.
            claim = remember(once, Remembered(ids=[row.id]))
            await self._ledger.append(Unit((append,), claim, policed.expects))
        return Outcome(await self._own_view(who, row.id))

    async def archive(self, who: Principal, name: str, once: Once | None) -> Outcome:
        """The dataset, which no new session can be opened on; archiving it again changes nothing."""
        replayed = await recall(self._reader, once) is not None
        row = await until_it_stands(lambda: self._archive(who, name, once))
        job = self._ingestion.running(row.id)
        if job is not None:
            job.cancelled.set()
        return Outcome(await self._own_view(who, row.id), replayed=replayed)

    async def _archive(self, who: Principal, name: str, once: Once | None) -> ObjectRow:
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, name))
        if row.status == ARCHIVED:
            return row
        changed = moved(row, dataset_of(row), status=ARCHIVED)
        append = append_dataset(who, changed, "dataset_archived", {}, {})
        # COMMIT POINT: after it no session begins.
        await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[row.id]))))
        return changed

    # ------------------------------------------------------------------ reading

    async def get(self, who: Principal, name: str) -> View:
        """One dataset by id or name, of the caller's organisation or offered to it."""
        return await self._reader.point(
            lambda reads: self._view(reads, who, find_dataset(reads, who.organisation, name))
        )

    async def list(
        self, who: Principal, criteria: Mapping[str, Any], limit: int, offset: int
    ) -> tuple[Sequence[View], int]:
        """Datasets in the order of their registration, own and offered ones, and how many there are."""

        def work(reads: Reads) -> tuple[Sequence[View], int]:
            rows = [
                row
                for row in every_dataset(reads, name=criteria["name"])
                if criteria["status"] in {None, row.status} and may_see_dataset(reads, who.organisation, row)
            ]
            return [self._view(reads, who, row) for row in islice(rows, offset, offset + limit)], len(rows)

        return await self._reader.scan(work)

    async def versions(self, who: Principal, name: str, page: Page) -> tuple[Sequence[View], int, int | None]:
        """A page of the versions of one of the caller's own datasets, the total, and where the next page begins."""

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            row = find_own_dataset(reads, who.organisation, name)
            found = reads.objects(ObjectQuery(kind=VERSION, parent=row.id), page)
            return [version_view(each) for each in found.rows], found.total, found.next_after

        return await self._reader.scan(work)

    async def schema(self, who: Principal, name: str) -> View:
        """The fields of the newest version; for others than its holder those that some rule offers them."""

        def work(reads: Reads) -> View:
            row = find_dataset(reads, who.organisation, name)
            dataset, version = dataset_of(row), newest_version(reads, row)
            sees = _sight(reads, who, row, version)
            fields = [] if version is None else fields_view(schema_of(version), dataset.fields, sees)
            return {"dataset_id": row.id, "version": dataset.version, "fields": fields}

        return await self._reader.point(work)

    async def croissant(self, who: Principal, name: str) -> View:
        """The newest version described in Croissant; for others than its holder with what some rule offers them."""

        def work(reads: Reads) -> View:
            row = find_dataset(reads, who.organisation, name)
            version = newest_version(reads, row)
            return croissant(row, version, _sight(reads, who, row, version))

        return await self._reader.point(work)

    async def profile(self, who: Principal, name: str) -> View:
        """What the values of each field are like in the newest version of one of the caller's own datasets.

        Raises Refused: `conflict` before there is a version, `unavailable` when its files cannot be read.
        """

        def work(reads: Reads) -> tuple[ObjectRow, Version | None]:
            row = find_own_dataset(reads, who.organisation, name)
            return row, newest_version(reads, row)

        row, version = await self._reader.point(work)
        if version is None:
            raise Refused("conflict", "This dataset has no data yet", {"resource": "dataset", "id": row.id})
        with readable():
            found = await asyncio.to_thread(self._library.profile, row.id, version.number)
        for path, scrubbed in version.scrubbed.items():
            found["fields"][path]["scrubbed"] = scrubbed
        return {"dataset_id": row.id, "version": version.number, **found}

    async def close(self) -> None:
        """Break off what is being read, and give back the versions."""
        await self._ingestion.close()
        await asyncio.to_thread(self._library.close)

    def _view(self, reads: Reads, who: Principal, row: ObjectRow) -> View:
        if row.organisation != who.organisation:
            return offered_view(row)
        job = self._ingestion.running(row.id)
        return dataset_view(row, newest_version(reads, row), job.progress if job else None)

    async def _own_view(self, who: Principal, identifier: str) -> View:
        return await self._reader.point(
            lambda reads: self._view(reads, who, find_own_dataset(reads, who.organisation, identifier))
        )

    async def _again(self, who: Principal, earlier: Remembered) -> Outcome:
        """The dataset that an earlier request made or changed, as it is now."""
        return Outcome(await self._own_view(who, made_before(earlier)[0]), replayed=True)


def _sight(reads: Reads, who: Principal, row: ObjectRow, version: Version | None) -> Sees:
    """Which fields the caller may know of: the holder all, others those that some rule offers them."""
    if row.organisation == who.organisation or version is None:
        return lambda _: True
    schema = schema_of(version)
    layers = [
        frozenset(path for terms in offered for path in paths(visible(terms, schema)))
        for offered in offered_terms(reads, who.organisation, row)
    ]
    return lambda path: all(path in shown for shown in layers)
